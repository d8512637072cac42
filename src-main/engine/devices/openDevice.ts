import { memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Executor } from '../executors/executor.ts';
import { withHalfStorage } from '../plan/halfStorage.ts';

export interface DeviceOptions {
  /** CPU threads; all cores that the process may use unless given. */
  readonly threads?: number;
  /** The window is in use meanwhile: graphics work comes in short slices. */
  readonly interactive?: boolean;
}

/** What `--device` takes; 'webgpu:' and an adapter's name chooses among several graphics cards. */
export const deviceNames = ['cpu', 'webgpu', 'tensorflow', 'reference'] as const;

/** Ends the id of a graphics card that is to store large intermediates as float16: 'webgpu+half', 'webgpu:NAME+half'. */
export const HALF = '+half';

/** Opens a device by its id. LOGONET_DEVICE_MEMORY, in bytes, makes it behave as if it had no more memory than that. Throws `device` or `unsupported`, with what to do, where it cannot be had, and `usage` for an unknown one. */
export async function openDevice(id: string, options: DeviceOptions = {}): Promise<Executor> {
  const executor = await open(id, options);
  const limit = Number(process.env['LOGONET_DEVICE_MEMORY'] ?? Infinity);
  const prepare = executor.prepare.bind(executor);
  if (Number.isFinite(limit))
    executor.prepare = (plan) =>
      plan.arenaBytes <= limit
        ? prepare(plan)
        : Promise.reject(
            new StudioError('out-of-memory', `The device may use ${memorySize(limit, 2)} and needs ${memorySize(plan.arenaBytes, 2)}.`),
          );
  return executor;
}

/** The processor; where its engine is not built, a graphics card; else the reference, which is right and slow. */
async function openFirst(options: DeviceOptions): Promise<Executor> {
  for (const id of ['cpu', 'webgpu'])
    try {
      return await open(id, options);
    } catch (error) {
      if (!(error instanceof StudioError) || (error.code !== 'device' && error.code !== 'unsupported')) throw error;
    }
  return open('reference', options);
}

async function open(id: string, { threads, interactive }: DeviceOptions): Promise<Executor> {
  const half = id.endsWith(HALF);
  const [kind, ...rest] = (half ? id.slice(0, -HALF.length) : id).split(':');
  if (half && kind !== 'webgpu')
    throw new StudioError(
      'unsupported',
      `Half precision needs a graphics card (the device “webgpu”); the device "${kind ?? ''}" computes in full precision only.`,
    );
  switch (kind) {
    case 'auto':
      return openFirst({ threads, interactive });
    case 'cpu':
      return (await import('../executors/cpu/cpuExecutor.ts')).createCpuExecutor({ threads });
    case 'reference':
      return (await import('../executors/reference/referenceExecutor.ts')).createReferenceExecutor();
    case 'webgpu':
      return (await import('../executors/webgpu/executor.ts')).createWebgpuExecutor({
        adapter: rest.length > 0 ? rest.join(':') : undefined,
        interactive,
        ...(half && { narrow: withHalfStorage }),
      });
    case 'tensorflow':
      return (await import('../executors/tensorflow/executor.ts')).createTensorflowExecutor();
    default:
      throw new StudioError('usage', `There is no device "${id}"; choose one of ${deviceNames.join(', ')}.`);
  }
}
