import { StudioError } from '#shared/base/errors.ts';
import type { Executor } from '#main/engine/executors/executor.ts';

export const deviceNames = ['cpu', 'webgpu', 'tensorflow', 'reference'] as const;
export type DeviceName = (typeof deviceNames)[number];

export interface DeviceOptions {
  /** CPU threads; all cores that the process may use unless given. */
  readonly threads?: number;
}

/** Opens a device by name. Throws `device` or `unsupported`, with what to do, where it cannot be had, and `usage` for an unknown name. */
export async function openExecutor(device: string, { threads }: DeviceOptions = {}): Promise<Executor> {
  switch (device) {
    case 'cpu': return (await import('#main/engine/executors/cpu/cpuExecutor.ts')).createCpuExecutor({ threads });
    case 'reference': return (await import('#main/engine/executors/reference/referenceExecutor.ts')).createReferenceExecutor();
    case 'webgpu': return (await import('#main/engine/executors/webgpu/executor.ts')).createWebgpuExecutor();
    case 'tensorflow': return (await import('#main/engine/executors/tensorflow/executor.ts')).createTensorflowExecutor();
    default: throw new StudioError('usage', `There is no device "${device}"; choose one of ${deviceNames.join(', ')}.`);
  }
}
