import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { readMask } from '#main/imageio/readMask.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { NnunetPredictor } from '#main/inference/nnunet/nnunetPredictor.ts';
import { predictImported } from '#main/inference/nnunet/predictImported.ts';
import { improveTask } from '#main/jobs/tasks/improve.ts';
import { importModelTask } from '#main/jobs/tasks/importModel.ts';
import { trainTask } from '#main/jobs/tasks/train.ts';
import { loadAnyModel, type StoredImport } from '#main/model/modelFolder.ts';
import { compareOnnx, onnxRuntime } from '#main/model/onnx/verifyOnnx.ts';
import { encodeOnnx } from '#main/model/onnx/exportOnnx.ts';
import { labelSet, phantoms, runTask, type PhantomCase } from '#test/support/improve.ts';
import { onnxPredictor } from '#test/support/onnxPredictor.ts';
import { writeTinyFolder } from '#test/support/nnunetFolder.ts';
import { writeTwoChannels, type TwoChannelCase } from '#test/support/channels.ts';
import { onSameGrid } from '#shared/domain/caseImages.ts';

let root = '';
const at = (...parts: string[]): string => join(root, ...parts);
let cases: PhantomCase[];
let two: TwoChannelCase[];
const kinds = ['plain', 'residual', 'regions'] as const;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'fine-tune-'));
  cases = await phantoms(at('scans'), 5, 2);
  two = await writeTwoChannels(at('two'), 5);
  for (const kind of kinds) {
    await writeTinyFolder(at('nnunet', kind), { kind, folds: 2 });
    await runTask(importModelTask, { folder: at('nnunet', kind), folds: [] }, at('imported', kind)).result;
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const imported = (kind: string): string => at('imported', kind, 'out');
const load = async (folder: string): Promise<StoredImport> => (await loadAnyModel(folder)) as StoredImport;

function casesFor(kind: string): object[] {
  if (kind !== 'regions') return cases.map((each, n) => ({ ...each, heldOut: n > 2 }));
  return two.map(({ name, t1, flair, mask }, n) => ({
    id: name,
    name,
    image: t1,
    channels: [
      { name: 'T1', image: t1, placement: onSameGrid },
      { name: 'FLAIR', image: flair, placement: onSameGrid },
    ],
    mask,
    heldOut: n > 2,
  }));
}

async function withoutLabel(each: { readonly mask: string }, value: number, folder: string): Promise<object> {
  const { volume } = await readMask(each.mask, neverCancelled);
  const mask = join(folder, basename(each.mask));
  mkdirSync(folder, { recursive: true });
  await writeVolume(mask, { grid: volume.grid, data: Uint8Array.from(volume.data, (label) => (label === value ? 0 : label)) });
  return { ...each, mask };
}

function config(kind: string, name: string, more: object = {}) {
  return {
    cases: casesFor(kind),
    labelSet,
    budget: { steps: { pretrain: 0, train: 6 } },
    device: 'cpu',
    threads: 1,
    seed: 3,
    current: { modelId: 'm1', folder: imported(kind) },
    modelId: 'm2',
    modelFolder: at(name, 'model'),
    learnedFolder: at(name, 'learned'),
    ...more,
  };
}

describe('an imported model that is improved', () => {
  for (const kind of kinds)
    it(`stays a model of its kind (${kind}), with its pipeline, source and parent`, { timeout: 300_000 }, async () => {
      const run = runTask(improveTask, config(kind, `improve ${kind}`), at(`improve ${kind}`));
      const result = await run.result;
      expect(result.comparison).toMatchObject({ beforeModelId: 'm1', afterModelId: 'm2', cases: 2 });
      expect(result.plan.startsFrom).toBe('the model in use');
      const before = await load(imported(kind));
      const after = await load(at(`improve ${kind}`, 'model'));
      expect(after.card).toMatchObject({
        format: 2,
        variant: before.card.variant,
        source: before.card.source,
        folds: ['fold_0'],
        parent: before.weightsHash,
        history: [{ steps: 6, cases: 3 }],
      } satisfies Partial<Record<keyof ImportedModelCard, unknown>>);
      expect(after.card.pipeline).toEqual(before.card.pipeline);
      expect(run.alarms.map(({ message }) => message)).toEqual(expect.arrayContaining([expect.stringMatching(/fold_0\) goes on alone/)]));
    });

  it('is resumed to the same bytes as one that was not interrupted', { timeout: 300_000 }, async () => {
    for (const [name, turns] of [
      ['whole', Infinity],
      ['stopped', 8],
    ] as const) {
      const first = runTask(improveTask, config('residual', name), at(name), turns);
      if (turns === Infinity) await first.result;
      else {
        await expect(first.result).rejects.toMatchObject({ code: 'cancelled' });
        await runTask(improveTask, config('residual', name), at(name)).result;
      }
    }
    const weights = (name: string): Buffer => readFileSync(at(name, 'model', 'weights.safetensors'));
    expect(weights('stopped').equals(weights('whole'))).toBe(true);
  });

  it('learns what the masks show', { timeout: 300_000 }, async () => {
    const all = casesFor('plain') as { name: string; image: string; mask: string }[];
    const result = await runTask(
      trainTask,
      {
        cases: all.map(({ name, image, mask }) => ({ name, image, labels: mask })),
        labelSet,
        validation: ['case-004'],
        budget: { steps: 300 },
        device: 'cpu',
        threads: 1,
        from: imported('plain'),
        keep: 'last',
        adjust: { averageSteps: 10 },
      },
      at('learns'),
    ).result;
    // Its instance norms see patches of 4×8×8 voxels: the small organ is beyond it.
    expect(result.dice?.['kidney']).toBeGreaterThan(0.6);
  });

  it('gives a new label a head that begins at zero, and drops the head of one that is gone', { timeout: 300_000 }, async () => {
    const run = async (kind: string, name: string): Promise<StoredImport> => {
      const labels = [labelSet.labels[1], { value: 9, name: 'ureter', color: '#0072b2', locked: false }];
      const without = await Promise.all(casesFor(kind).map((each) => withoutLabel(each as { mask: string }, 1, at(name))));
      await runTask(
        improveTask,
        config(kind, name, { cases: without, labelSet: { labels }, budget: { steps: { pretrain: 0, train: 1 } } }),
        at(name),
      ).result;
      return load(at(name, 'model'));
    };
    const plain = await run('plain', 'labels');
    expect(plain.card.pipeline.output).toEqual({ kind: 'labels', values: [0, 2, 9] });
    expect(plain.card.network.heads).toBe(3);
    const before = await load(imported('plain'));
    const head = (model: StoredImport): Float32Array => model.weights.get('fold_0/decoder.seg_layers.1.weight')?.data as Float32Array;
    const features = head(before).length / 3;
    // One step of a small rate away from where it began: the old row, and zero.
    const near = (row: number, from: (n: number) => number): number =>
      Math.max(...Array.from({ length: features }, (_unused, n) => Math.abs((head(plain)[row * features + n] ?? NaN) - from(n))));
    expect(near(1, (n) => head(before)[2 * features + n] ?? NaN)).toBeLessThan(0.01);
    expect(near(2, () => 0)).toBeLessThan(0.01);

    const regions = await run('regions', 'regions');
    expect(regions.card.pipeline.output).toEqual({ kind: 'regions', values: [2, 9], members: [[2], [9]] });
  });

  it('is compared with a network of this program where one is asked for', { timeout: 300_000 }, async () => {
    const result = await runTask(improveTask, config('plain', 'other', { variant: 'tiny' }), at('other')).result;
    expect(result.comparison).toMatchObject({ beforeModelId: 'm1', cases: 2 });
    expect((await loadAnyModel(at('other', 'model'))).card).toMatchObject({ format: 1, variant: 'tiny' });
  });

  it('labels as its ONNX file does', async ({ skip }) => {
    const runtime = await onnxRuntime();
    if (runtime === undefined) return skip('no ONNX runtime is installed');
    const model = await load(at('improve plain', 'model'));
    expect(await compareOnnx(runtime, encodeOnnx(model), model)).toBeLessThan(1e-4);
    const { volume } = await readImage(cases[4]?.image ?? '');
    const executor = createCpuExecutor();
    const predictors = [await NnunetPredictor.create(executor, model.card, model.weights), await onnxPredictor(runtime, model)];
    const [own, onnx] = await Promise.all(predictors.map((predictor) => predictImported([volume], model.card, predictor)));
    expect(onnx?.labels).toEqual(own?.labels);
    for (const each of [...predictors, executor]) each.dispose();
  });
});
