import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import type { Executor } from '#main/engine/executors/executor.ts';
import { withHalfStorage } from '#main/engine/plan/halfStorage.ts';
import { verifyGolden, type GoldenReport } from '#main/model/golden.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { channelGoldens, readChannelGolden } from '#test/support/channelGoldens.ts';
import { describeOn, lavapipe, softwareDrivers } from '#test/support/softwareVulkan.ts';

const folder = resolve(import.meta.dirname, '../../../shared/reference/golden');
const files = ['pretrain-3stage-32', 'seg-3stage-32x48x32', 'seg-eval-64x96x32'];
const absent =
  process.env['LOGONET_SLOW_TESTS'] === undefined
    ? 'minutes on a software driver: set LOGONET_SLOW_TESTS=1'
    : !existsSync(folder)
      ? 'no ../shared/reference'
      : undefined;
const why = absent === undefined ? '' : ` (${absent})`;

const slow = process.env['LOGONET_SLOW_TESTS'] === undefined;

describeOn(softwareDrivers, 'goldens of several channels with webgpu', (executor) => {
  it.skipIf(slow).each(channelGoldens)(`%s agrees${slow ? why : ''}`, { timeout: 3_600_000 }, async (name) => {
    expect(await verifyGolden(decodeSafetensors(readChannelGolden(name)), executor())).toMatchObject({ pass: true });
  });
});

function verify(name: string, executor: Executor): Promise<GoldenReport> {
  return verifyGolden(decodeSafetensors(readFileSync(resolve(folder, `${name}.safetensors`))), executor);
}

describeOn(softwareDrivers, 'goldens of the PyTorch reference with webgpu', (executor) => {
  it.skipIf(absent !== undefined).each([...files, 'seg-tiny-64'])(`%s agrees${why}`, { timeout: 3_600_000 }, async (name) => {
    expect(await verify(name, executor())).toMatchObject({ pass: true });
  });
});

describeOn(
  [lavapipe],
  'goldens of the PyTorch reference with float16 storage',
  (executor) => {
    // Gradients are compared in trainings instead: an untrained network on random labels makes ten times eleven bits of forward error out of them.
    it.skipIf(absent !== undefined).each(files)(
      `%s agrees in logits, loss and running statistics${why}`,
      { timeout: 3_600_000 },
      async (name) => {
        const { maxLogitError, lossError, statisticsError } = await verify(name, executor());
        expect(maxLogitError).toBeLessThan(0.03);
        expect(lossError).toBeLessThan(1e-3);
        expect(statisticsError).toBeLessThan(1e-3);
      },
    );
  },
  { narrow: withHalfStorage },
);
