import { readFile } from 'node:fs/promises';
import { StudioError } from '#shared/base/errors.ts';
import { withExecutor } from '#main/engine/devices/openExecutor.ts';
import { verifyGolden } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { verifyGoldenRequest, type VerifyGoldenConfig, type VerifyGoldenResult } from '../requests/verifyGolden.ts';
import type { Task } from '../task.ts';

/** Runs the step that a golden file records on a device and compares. Throws `not-found`, `invalid-file` or `device`. */
export const verifyGoldenTask: Task<VerifyGoldenConfig, VerifyGoldenResult> = {
  kind: 'verifyGolden',
  parse: verifyGoldenRequest.parse,
  async run({ config, alarm }) {
    const bytes = await readFile(config.file).catch((error: unknown) => {
      throw new StudioError('not-found', `${config.file} cannot be read.`, { cause: error });
    });
    const file = decodeSafetensors(bytes);
    return withExecutor({ ...config, alarm }, (executor) => verifyGolden(file, executor));
  },
};
