import { join } from 'node:path';
import { openDevice, type DeviceOptions } from './openDevice.ts';
import { applyTuning } from './tuningFile.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { WebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { applicationData } from '#main/files/applicationData.ts';

/** Tuning of a graphics device that was never checked before (`logonet devices` takes more time for it). */
const FIRST_USE_SECONDS = 3;

/** Where this computer's graphics tunings are remembered. */
export function tuningFile(): string {
  return join(applicationData(), 'gpu-tuning.json');
}

/** Opens a device by its id, a graphics device with its tuning. Throws as `openDevice`. */
export async function openExecutor(id: string, options: DeviceOptions = {}): Promise<Executor> {
  const executor = await openDevice(id, options);
  if (executor.name === 'webgpu') await applyTuning(executor as WebgpuExecutor, { file: tuningFile(), seconds: FIRST_USE_SECONDS });
  return executor;
}

/** Works on a device and closes it again, whatever happens. */
export async function withExecutor<T>(
  { device, threads }: { readonly device: string; readonly threads?: number | undefined },
  work: (executor: Executor) => Promise<T>,
): Promise<T> {
  const executor = await openExecutor(device, { threads });
  try {
    return await work(executor);
  } finally {
    executor.dispose();
  }
}
