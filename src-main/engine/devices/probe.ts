import { availableMemory } from 'node:process';
import { StudioError } from '#shared/base/errors.ts';
import type { Executor } from '../executors/executor.ts';
import { listAdapters } from '../executors/webgpu/dawn.ts';
import type { WebgpuExecutor } from '../executors/webgpu/executor.ts';
import { HALF, openDevice } from './openDevice.ts';
import type { DeviceCandidate, DeviceReport } from './deviceReport.ts';
import { GOLDEN_TOLERANCE, HALF_GOLDEN_TOLERANCE, goldenStepError } from './goldenStep.ts';
import { measureRate } from './rate.ts';
import { applyTuning } from './tuningFile.ts';

/** Ends the name of a graphics card that stores large intermediates as float16. */
const HALF_NAME = ', half precision';

/** Every device of this computer: the processor, each graphics adapter (a card also in half precision), TensorFlow. Opens none of them. */
export async function listDevices(): Promise<DeviceCandidate[]> {
  const adapters = await listAdapters().catch(() => []);
  const graphics = adapters.flatMap(({ name, backend, software }): DeviceCandidate[] => {
    const full = { id: `webgpu:${name}`, name: `${name} (${backend})`, executor: 'webgpu', software } as const;
    return software ? [full] : [full, { ...full, id: full.id + HALF, name: `${full.name}${HALF_NAME}` }];
  });
  return [
    { id: 'cpu', name: 'Processor', executor: 'cpu', software: false },
    ...(graphics.length > 0 ? graphics : [{ id: 'webgpu', name: 'Graphics card', executor: 'webgpu', software: false } as const]),
    { id: 'tensorflow', name: 'TensorFlow', executor: 'tensorflow', software: false },
  ];
}

/** A report on a device that cannot be used. */
export function notUsable(candidate: DeviceCandidate, reason: string, correct: boolean | null = null): DeviceReport {
  return { ...candidate, usable: false, reason, memoryBytes: null, correct, gigaflops: null, proposed: false, chosen: false };
}

export interface CheckOptions {
  /** Also check software drivers, which are never proposed; takes a minute. */
  readonly software?: boolean;
  /** File that remembers the tuning of graphics devices; they are tuned where it is given. */
  readonly tuningFile?: string;
  /** Forget the remembered tuning and measure again. */
  readonly tune?: boolean;
}

/** Longest tuning of one device during its check. */
const TUNING_SECONDS = 20;

/** Opens one device, runs the golden step, tunes it and runs a short benchmark. Never throws: what goes wrong is the report's reason. */
export async function checkDevice(
  candidate: DeviceCandidate,
  { software = false, tuningFile, tune = false }: CheckOptions = {},
): Promise<DeviceReport> {
  if (candidate.software && !software) {
    return notUsable(
      candidate,
      'This graphics driver computes on the processor, which the device "cpu" does faster. If this computer has a graphics card, install its vendor\'s current driver.',
    );
  }
  let executor: Executor | undefined;
  try {
    executor = await openDevice(candidate.id);
    const half = candidate.id.endsWith(HALF);
    const described = { ...candidate, name: half ? executor.description + HALF_NAME : executor.description };
    const error = await goldenStepError(executor);
    if (!(error <= (half ? HALF_GOLDEN_TOLERANCE : GOLDEN_TOLERANCE)))
      return notUsable(described, 'It computes wrong numbers. Update the driver, or use another device.', false);
    // One tuning serves both precisions: a card's first check has measured it again.
    if (executor.name === 'webgpu' && tuningFile !== undefined)
      await applyTuning(executor as WebgpuExecutor, {
        file: tuningFile,
        seconds: TUNING_SECONDS,
        effort: tune && !half ? 'again' : 'complete',
      });
    const gigaflops = candidate.software ? null : await measureRate(executor);
    const memoryBytes = candidate.executor === 'cpu' ? availableMemory() : null;
    return { ...described, usable: true, reason: '', memoryBytes, correct: true, gigaflops, proposed: false, chosen: false };
  } catch (error) {
    return notUsable(
      candidate,
      error instanceof StudioError ? error.message : 'It fails when it is tried. Update its driver, or use another device.',
    );
  } finally {
    executor?.dispose();
  }
}
