import { join } from 'node:path';
import { openDevice, type DeviceOptions } from '#main/engine/devices/openDevice.ts';
import { applyTuning } from '#main/engine/devices/tuningFile.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { WebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { applicationData } from '#main/files/applicationData.ts';

export { deviceNames, HALF, type DeviceOptions } from '#main/engine/devices/openDevice.ts';

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
