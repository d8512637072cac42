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

/** Who opens a device, and hears where that is none to wait for. */
export interface OpeningOptions extends DeviceOptions {
  readonly alarm?: ((severity: 'warning', message: string) => void) | undefined;
}

/** Once a process: a command, or whatever computes a project's jobs. */
let isSlowSaid = false;
const slow =
  'This computes many times slower than it could, as neither the engine for the processor nor a graphics card can be used: install a C++ compiler, make and Python 3, then run "npm run bootstrap".';

/** Opens a device by its id, a graphics device with its tuning; alarms where nothing but the reference is left. Throws as `openDevice`. */
export async function openExecutor(id: string, { alarm, ...options }: OpeningOptions = {}): Promise<Executor> {
  const executor = await openDevice(id, options);
  if (id === 'auto' && executor.name === 'reference' && alarm !== undefined && !isSlowSaid) {
    isSlowSaid = true;
    alarm('warning', slow);
  }
  if (executor.name === 'webgpu') await applyTuning(executor as WebgpuExecutor, { file: tuningFile(), seconds: FIRST_USE_SECONDS });
  return executor;
}

/** Works on a device and closes it again, whatever happens. */
export async function withExecutor<T>(
  { device, threads, alarm }: { readonly device: string; readonly threads?: number | undefined } & Pick<OpeningOptions, 'alarm'>,
  work: (executor: Executor) => Promise<T>,
): Promise<T> {
  const executor = await openExecutor(device, { threads, alarm });
  try {
    return await work(executor);
  } finally {
    executor.dispose();
  }
}
