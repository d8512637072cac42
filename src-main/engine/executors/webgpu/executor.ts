import { elementCount } from '../../tensor/tensorType.ts';
import type { Executor } from '../executor.ts';
import { DeviceState } from './deviceState.ts';
import { alignUp } from './kernel.ts';
import { expectedSpeed, type Tile } from './kernels/gemm.ts';
import { WebgpuSession } from './session.ts';

export interface WebgpuOptions {
  /** Name of an adapter of `listAdapters`; undefined for the one that the driver prefers. */
  readonly adapter?: string;
  /** Work is cut into slices of a few milliseconds with a yield between them, so that the window stays smooth. */
  readonly interactive?: boolean;
  /** Relative rates of matrix tiles, from `tuneTiles`. */
  readonly tileSpeed?: (tile: Tile) => number;
  /** Behave like an adapter whose storage bindings end here, bytes. */
  readonly bindingLimit?: number;
}

export interface WebgpuExecutor extends Executor {
  readonly software: boolean;
  /** The underlying device, for tests of its loss. */
  readonly device: GPUDevice;
  prepare(plan: Parameters<Executor['prepare']>[0]): Promise<WebgpuSession>;
}

const INTERACTIVE_SLICE_MILLISECONDS = 8;

/** Runs plans on a GPU through Dawn (Vulkan, Direct3D 12 or Metal). Throws `device` when there is none that can be opened. */
export async function createWebgpuExecutor({ adapter, interactive = false, tileSpeed, bindingLimit }: WebgpuOptions = {}): Promise<WebgpuExecutor> {
  const state = await DeviceState.open(adapter, bindingLimit);
  return {
    name: 'webgpu',
    description: state.description,
    software: state.software,
    device: state.device,
    reusesMemory: true,
    unsupported: () => undefined,
    storageBytes: ({ shape }) => alignUp(elementCount(shape) * 4),
    prepare: (plan) => WebgpuSession.create(state, plan, { tileSpeed: tileSpeed ?? expectedSpeed(state.software), sliceMilliseconds: interactive ? INTERACTIVE_SLICE_MILLISECONDS : undefined }),
    dispose: () => state.close(),
  };
}
