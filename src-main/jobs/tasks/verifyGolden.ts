import { readFile } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { verifyGolden, type GoldenReport } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { openExecutor } from './openExecutor.ts';

/** Runs the step that a golden file records on a device and compares. Throws `not-found`, `invalid-file` or `device`. */
export async function verifyGoldenFile(path: string, device: string): Promise<GoldenReport> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new StudioError('not-found', `${path} cannot be read.`, { cause: error });
  });
  const file = decodeSafetensors(bytes);
  const executor = await openExecutor(device);
  try {
    return await verifyGolden(file, executor);
  } finally {
    executor.dispose();
  }
}
