import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JoinedModelCard } from '#shared/domain/joinedModel.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { runCommandLine } from '#main/cli/run.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { openScanPredictor } from '#main/inference/scanPredictor.ts';
import { loadAnyModel } from '#main/model/modelFolder.ts';
import { writeTinyFolder } from '#test/support/nnunetFolder.ts';
import { rampVolume, startStudio } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);
const names = ['first', 'second', 'third'] as const;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'joined-'));
  vi.stubEnv('LOGONET_DATA', at('app'));
  await writeTinyFolder(at('first'), { kind: 'plain', labels: ['liver', 'ribs'], dataset: 'Organs' });
  await writeTinyFolder(at('second'), { kind: 'residual', labels: ['Ribs', 'aorta'], dataset: 'Bones', seed: 23, folds: 2 });
  await writeTinyFolder(at('third'), { kind: 'plain', labels: ['aorta', 'spleen'], spacing: [1, 3, 2], dataset: 'Vessels', seed: 5 });
  await writeVolume(at('scan.nii.gz'), rampVolume([18, 17, 16], 1));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const out: string[] = [];
  const code = await runCommandLine(
    [...args, '--json'],
    { stdout: { write: (text: string) => out.push(text) }, stderr: process.stderr },
    new AbortController().signal,
  );
  return { code, json: JSON.parse(out.join('')) as Record<string, unknown> };
}

async function predicted(model: string): Promise<Uint8Array | Uint16Array> {
  expect((await run('predict', '--model', at(model), '--device', 'cpu', '--out', at(`${model} out`), at('scan.nii.gz'))).code).toBe(0);
  return (await readLabels(at(`${model} out`, 'scan.nii.gz'))).volume.data;
}

describe('models that are joined', () => {
  it('predict what each predicts, labels by name, a later one over an earlier one', { timeout: 300_000 }, async () => {
    const { code, json } = await run('model', 'join', ...names.map((name) => at(name)), '--out', at('joined'));
    expect(code).toBe(0);
    const card = json['card'] as JoinedModelCard;
    expect(card.labelSet.labels.map(({ value, name }) => [value, name])).toEqual([
      [1, 'liver'],
      [2, 'ribs'],
      [3, 'aorta'],
      [4, 'spleen'],
    ]);
    expect(card.parts.map(({ name }) => name)).toEqual(['Organs', 'Bones', 'Vessels']);
    expect(card.overlap).toBe('laterOverEarlier');

    const valueOf = new Map(card.labelSet.labels.map(({ name, value }) => [name, value]));
    const expected = new Uint8Array(18 * 17 * 16);
    let overlapping = 0;
    for (const name of names) {
      expect((await run('model', 'import', at(name), '--out', at(`${name} model`))).code).toBe(0);
      const { labels } = (await loadAnyModel(at(`${name} model`))).card.labelSet;
      const values = new Map(labels.map((label) => [label.value, valueOf.get(label.name.toLowerCase()) ?? -1]));
      (await predicted(`${name} model`)).forEach((value, voxel) => {
        if (value === 0) return;
        if ((expected[voxel] ?? 0) > 0) overlapping++;
        expected[voxel] = values.get(value) ?? -1;
      });
    }
    expect(overlapping).toBeGreaterThan(50);
    expect([...(await predicted('joined'))]).toEqual([...expected]);
  });

  it('have one network on the device at a time', { timeout: 300_000 }, async () => {
    const real = createCpuExecutor({ threads: 1 });
    let [open, most] = [0, 0];
    const executor: Executor = {
      ...real,
      prepare: async (plan) => {
        const session = await real.prepare(plan);
        most = Math.max(most, ++open);
        return Object.assign(Object.create(session) as typeof session, {
          write: session.write.bind(session),
          read: session.read.bind(session),
          run: session.run.bind(session),
          dispose: () => {
            open--;
            session.dispose();
          },
        });
      },
      unsupported: (graph) => real.unsupported(graph),
    };
    const predictor = await openScanPredictor(executor, await loadAnyModel(at('joined')));
    await predictor.predict([rampVolume([18, 17, 16], 1)], { uncertainty: true });
    predictor.dispose();
    expect([open, most]).toEqual([0, 1]);
    real.dispose();
  });

  it('are joined again with others, and refused where they cannot train, go to ONNX or agree about images', async () => {
    await writeTinyModel(at('own'));
    const { json } = await run('model', 'join', at('joined'), at('own'), '--out', at('four'));
    expect((json['card'] as JoinedModelCard).parts).toHaveLength(4);
    expect((await run('model', 'export', at('joined'), '--onnx', at('x.onnx'))).code).not.toBe(0);
    await writeTinyFolder(at('two'), { kind: 'regions' });
    expect((await run('model', 'join', at('own'), at('two'), '--out', at('never'))).code).not.toBe(0);
    // A card that says of one part what its weights are not.
    const text = readFileSync(at('joined', 'model.json'), 'utf8');
    cpSync(at('joined'), at('damaged'), { recursive: true });
    writeFileSync(at('damaged', 'model.json'), text.replace('"plainConvUNet"', '"residualEncoderUNet"'));
    await expect(loadAnyModel(at('damaged'))).rejects.toMatchObject({ code: 'invalid-file' });
    writeFileSync(at('damaged', 'model.json'), text.replace('laterOverEarlier', 'somehow'));
    await expect(loadAnyModel(at('damaged'))).rejects.toMatchObject({ code: 'invalid-file' });
  });

  it('join a project as one, keep its values, go to the shelf and to another project as one', { timeout: 300_000 }, async () => {
    const app = startStudio();
    const label = (value: number, name: string) => ({ value, name, color: '#cc4444', locked: false });
    await app.client.projects.create({ path: join(app.folder, 'one'), name: 'one', labels: [label(7, 'aorta')] });
    const ids: string[] = [];
    for (const name of names) ids.push((await app.client.models.importFolder({ folder: at(name) })).modelId);
    const { modelId } = await app.client.models.join({ modelIds: ids, name: 'All' });
    const { card, model } = await app.client.models.card({ modelId });
    const labels = (JSON.parse(card) as JoinedModelCard).labelSet.labels.map(({ value, name }) => `${String(value)} ${name}`);
    expect(labels).toEqual(['1 liver', '2 ribs', '3 spleen', '7 aorta']);
    expect(model).toMatchObject({ name: 'All', promoted: false });
    const { hash } = await app.client.models.keep({ modelId });
    expect((await app.client.models.shelf()).models).toMatchObject([
      { name: 'All', licence: 'CC0', labels: ['liver', 'ribs', 'spleen', 'aorta'] },
    ]);
    await app.client.projects.close();
    await app.client.projects.create({ path: join(app.folder, 'two'), name: 'two', labels: [label(1, 'spleen')] });
    await app.client.models.take({ hash });
    const taken = (await app.client.projects.current()).project?.labels.map(({ value, name }) => `${String(value)} ${name}`);
    expect(taken?.toSorted()).toEqual(['1 spleen', '2 liver', '3 ribs', '7 aorta']);
    await app.close();
  });
});
