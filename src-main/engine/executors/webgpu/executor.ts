import type { Graph } from '../../graph/graph.ts';
import { byteCount } from '../../tensor/tensorType.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Executor } from '../executor.ts';
import { DeviceState } from './deviceState.ts';
import { alignUp } from './kernel.ts';
import { expectedRates, type Rates, type WorkgroupLimits } from './kernels/candidates.ts';
import { WebgpuSession, workgroupLimits } from './session.ts';

export interface WebgpuOptions {
  /** Name of an adapter of `listAdapters`; undefined for the one that the driver prefers. */
  readonly adapter?: string;
  /** Work is cut into slices of a few milliseconds with a yield between them, so that the window stays smooth. */
  readonly interactive?: boolean;
  /** Rates of the ways to compute a dense convolution, as measured; expectations unless given. */
  readonly rates?: Rates;
  /** Which values are stored as float16 (plan/halfStorage.ts); none unless given. */
  readonly narrow?: (graph: Graph) => Graph;
  /** false: do without subgroups also where the adapter has them. */
  readonly subgroups?: boolean;
  /** Behave like an adapter whose storage bindings end here, bytes. */
  readonly bindingLimit?: number;
}

export interface WebgpuExecutor extends Executor {
  readonly software: boolean;
  /** The underlying device, for tests of its loss. */
  readonly device: GPUDevice;
  readonly workgroup: WorkgroupLimits;
  /** From now on dense convolutions are computed in the ways that are fastest by these rates. */
  setRates(rates: Rates): void;
  prepare(plan: Parameters<Executor['prepare']>[0], rates?: Rates): Promise<WebgpuSession>;
}

const INTERACTIVE_SLICE_MILLISECONDS = 8;

/** Runs plans on a GPU through Dawn (Vulkan, Direct3D 12 or Metal). Throws `device` when there is none that can be opened, or none that stores float16 where that is asked for. */
export async function createWebgpuExecutor({
  adapter,
  interactive = false,
  rates,
  bindingLimit,
  narrow,
  subgroups = true,
}: WebgpuOptions = {}): Promise<WebgpuExecutor> {
  const state = await DeviceState.open(adapter, bindingLimit);
  if (narrow !== undefined && !state.device.features.has('shader-f16')) {
    state.close();
    throw new StudioError(
      'device',
      `The graphics card ${state.description} cannot store half-precision numbers; use full precision (float32), or another device.`,
    );
  }
  let current = rates ?? expectedRates(state.software);
  return {
    name: 'webgpu',
    description: state.description,
    software: state.software,
    device: state.device,
    workgroup: workgroupLimits(state.device),
    setRates: (measured) => {
      current = measured;
    },
    reusesMemory: true,
    unsupported: () => undefined,
    storageBytes: (type) => alignUp(byteCount(type)),
    ...(narrow && { narrow }),
    prepare: (plan, wanted) =>
      WebgpuSession.create(state, plan, {
        rates: wanted ?? current,
        subgroups: subgroups && state.subgroups,
        sliceMilliseconds: interactive ? INTERACTIVE_SLICE_MILLISECONDS : undefined,
      }),
    dispose: () => state.close(),
  };
}
