import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onSameGrid } from '#shared/domain/caseImages.ts';
import { improveTask } from '#main/jobs/tasks/improve.ts';
import { rankTask } from '#main/jobs/tasks/rank.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { compareOnnx, onnxRuntime } from '#main/model/onnx/verifyOnnx.ts';
import { encodeOnnx, metadataOf } from '#main/model/onnx/exportOnnx.ts';
import { cardText } from '#main/model/cardText.ts';
import { SliceStore } from '#main/clustering/sliceStore.ts';
import { readPretrained } from '#main/training/pretrained/pretrained.ts';
import { writeTwoChannels, type TwoChannelCase } from '#test/support/channels.ts';
import { runTask } from '#test/support/improve.ts';

let root: string;
let cases: TwoChannelCase[];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'improve-channels-'));
  cases = await writeTwoChannels(join(root, 'data'), 8, [], [16, 24, 16]);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const labelSet = {
  labels: [
    { value: 1, name: 'cyst', color: '#e69f00', locked: false },
    { value: 2, name: 'oedema', color: '#56b4e9', locked: false },
  ],
};
/** All images of a case but those that it lacks. */
const channelsOf = ({ t1, flair }: TwoChannelCase, lacks: readonly string[] = []) =>
  [
    { name: 'T1', image: t1, placement: onSameGrid },
    { name: 'FLAIR', image: flair, placement: onSameGrid },
  ].filter(({ name }) => !lacks.includes(name));

/** Cases 0–4 are accepted, 3 and 4 of them held out; 5–7 have no mask yet. Case 4 has no FLAIR. */
function config(folder: string, more: object = {}) {
  return {
    cases: cases.map((each, n) => ({
      id: each.name,
      name: each.name,
      image: each.t1,
      channels: channelsOf(each, n === 4 ? ['FLAIR'] : []),
      mask: n < 5 ? each.mask : null,
      heldOut: n === 3 || n === 4,
    })),
    labelSet,
    channels: ['T1', 'FLAIR'],
    variant: 'tiny',
    budget: { steps: { pretrain: 5, train: 6 } },
    device: 'cpu',
    threads: 1,
    seed: 3,
    current: null,
    modelId: 'm1',
    modelFolder: join(folder, 'model'),
    learnedFolder: join(folder, 'learned'),
    ...more,
  };
}

describe('improve with several channels', () => {
  it(
    'clusters and pre-trains over Channel·X·Y, fine-tunes, compares, ranks, exports; a case that lacks one is named',
    { timeout: 900_000 },
    async () => {
      const folder = join(root, 'whole');
      const first = runTask(improveTask, config(folder), join(folder, 'job'));
      const result = await first.result;
      const slices = new SliceStore(join(folder, 'learned'));
      expect(slices.plane).toEqual({ rows: 16, columns: 24, factor: 1, channels: 2 });
      expect(slices.dimension).toBe(2 * 16 * 24);
      slices.dispose();
      expect(readPretrained(join(folder, 'learned'))?.cases).toHaveLength(6);
      const model = await loadModel(join(folder, 'model'));
      expect(model.card).toMatchObject({ architecture: { inChannels: 2 }, channels: [{ name: 'T1' }, { name: 'FLAIR' }] });
      // Case 4 cannot measure a model of both.
      expect(result.comparison).toMatchObject({ cases: 1 });
      expect(first.alarms.map(({ message }) => message)).toEqual(
        expect.arrayContaining([expect.stringMatching(/case_4.*no image “FLAIR”/)]),
      );

      const ranked = await runTask(
        rankTask,
        {
          cases: [4, 5, 6].map((n) => {
            const each = cases[n] as TwoChannelCase;
            return {
              id: each.name,
              name: each.name,
              image: each.t1,
              channels: channelsOf(each, n === 4 ? ['FLAIR'] : []),
              uncertainty: null,
            };
          }),
          accepted: ['case_0'],
          model: join(folder, 'model'),
          learnedFolder: join(folder, 'learned'),
          device: 'cpu',
          threads: 1,
        },
        join(folder, 'rank'),
      ).result;
      expect(Object.keys(ranked.uncertainties).sort()).toEqual(['case_5', 'case_6']);

      // A later round takes what the model in use takes.
      const second = runTask(
        improveTask,
        config(folder, {
          channels: undefined,
          budget: { steps: { pretrain: 0, train: 4 } },
          current: { modelId: 'm1', folder: join(folder, 'model') },
          modelId: 'm2',
          modelFolder: join(folder, 'second'),
        }),
        join(folder, 'job 2'),
      );
      expect((await second.result).comparison).toMatchObject({ beforeModelId: 'm1', cases: 1 });
      expect((await loadModel(join(folder, 'second'))).card.channels).toEqual(model.card.channels);

      // Asked for other images, it begins a new model and compares it with the one in use.
      const third = runTask(
        improveTask,
        config(folder, {
          channels: ['FLAIR'],
          budget: { steps: { pretrain: 0, train: 3 } },
          current: { modelId: 'm1', folder: join(folder, 'model') },
          modelId: 'm3',
          modelFolder: join(folder, 'third'),
        }),
        join(folder, 'job 3'),
      );
      expect((await third.result).comparison).toMatchObject({ beforeModelId: 'm1', cases: 1 });
      expect((await loadModel(join(folder, 'third'))).card).toMatchObject({
        architecture: { inChannels: 1 },
        channels: [{ name: 'FLAIR' }],
      });

      expect(JSON.parse(metadataOf(model)['logonet'] ?? '')).toMatchObject({ channels: [{ name: 'T1' }, { name: 'FLAIR' }] });
      expect(cardText(model)).toMatch(/2 channels.*\n(.*\n)*.*Channel 2, FLAIR/);
      const onnx = encodeOnnx(model);
      const runtime = await onnxRuntime();
      if (runtime !== undefined) expect(await compareOnnx(runtime, onnx, model)).toBeLessThan(1e-4);
    },
  );
});
