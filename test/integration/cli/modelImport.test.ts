import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import { runCommandLine } from '#main/cli/run.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { decodeSafetensors } from '#main/model/safetensors.ts';
import { writeTinyFolder } from '#test/support/nnunetFolder.ts';
import { rampVolume } from '#test/support/studio.ts';

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-import-'));
  vi.stubEnv('LOGONET_DATA', at('app'));
  await writeTinyFolder(at('plain'), { kind: 'plain', folds: 2 });
  await writeTinyFolder(at('regions'), { kind: 'regions' });
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

describe('model import', () => {
  it('makes a model of a folder, with the folds that are asked for, which predicts', async () => {
    const { code, json } = await run('model', 'import', at('plain'), '--out', at('model'), '--folds', '1');
    expect(code).toBe(0);
    expect((json['card'] as { folds: string[] }).folds).toEqual(['fold_1']);
    expect((await run('model', 'import', at('plain'), '--out', at('model'))).code).not.toBe(0);
    expect((await run('model', 'import', at('plain'), '--out', at('model'), '--overwrite')).code).toBe(0);
    await writeVolume(at('scan.nii.gz'), rampVolume([18, 17, 16], 1));
    const predicted = await run(
      'predict',
      '--model',
      at('model'),
      '--device',
      'cpu',
      '--out',
      at('out'),
      '--uncertainty',
      at('scan.nii.gz'),
    );
    expect(predicted.code).toBe(0);
    expect((await readLabels(at('out', 'scan.nii.gz'))).volume.grid.size).toEqual([18, 17, 16]);
    expect(readdirSync(at('out'))).toHaveLength(2);
  });

  it('takes the other channels beside the scan, and names the scan that lacks one', async () => {
    expect((await run('model', 'import', at('regions'), '--out', at('two'))).code).toBe(0);
    for (const [name, seed] of [
      ['a_0000', 1],
      ['a_0001', 2],
      ['b_0000', 3],
    ] as const)
      await writeVolume(at(`${name}.nii.gz`), rampVolume([18, 17, 16], seed));
    const { json } = await run(
      'predict',
      '--model',
      at('two'),
      '--device',
      'cpu',
      '--out',
      at('two out'),
      at('a_0000.nii.gz'),
      at('b_0000.nii.gz'),
    );
    expect(readdirSync(at('two out'))).toEqual(['a.nii.gz']);
    expect((json['skipped'] as { path: string }[]).map(({ path }) => path)).toEqual([at('b_0000.nii.gz')]);
  });

  it('refuses a folder that is none, and a checkpoint that runs something', async () => {
    expect((await run('model', 'import', at('app'), '--out', at('none'))).json['error']).toMatchObject({ code: 'not-found' });
    await writeTinyFolder(at('hostile'), { kind: 'plain' });
    const file = at('hostile', 'fold_0', 'checkpoint_final.pth');
    writeFileSync(file, readFileSync(file).subarray(0, -40));
    expect((await run('model', 'import', at('hostile'), '--out', at('none'))).json['error']).toMatchObject({ code: 'invalid-file' });
    expect((await run('model', 'import', at('plain'))).code).toBe(2);
  });
});

describe('model import --project', () => {
  it('takes a model of several channels: its images are found by name, and a case that lacks one is refused by name', async () => {
    const project = at('project of two');
    expect((await run('project', 'create', project, '--label', 'Heart')).code).toBe(0);
    mkdirSync(at('set', 'imagesTr'), { recursive: true });
    for (const [name, seed] of [
      ['a_0000', 1],
      ['a_0001', 2],
      ['b_0000', 3],
    ] as const)
      await writeVolume(at('set', 'imagesTr', `${name}.nii.gz`), rampVolume([18, 17, 16], seed));
    // The project's order is not the model's.
    writeFileSync(at('set', 'dataset.json'), JSON.stringify({ channel_names: { 0: 'flair', 1: 't1' }, labels: { background: 0 } }));
    expect((await run('project', 'import', project, at('set'))).code).toBe(0);
    expect((await run('model', 'import', at('regions'), '--project', project)).code).toBe(0);
    const { json } = await run('project', 'predict', project);
    expect((json['predicted'] as { name: string }[]).map(({ name }) => name)).toEqual(['a']);
    const { cases } = (await run('project', 'list', project)).json as { cases: { id: string; name: string }[] };
    const alone = await run('project', 'predict', project, '--case', cases.find(({ name }) => name === 'b')?.id ?? '');
    expect(alone.json['error']).toMatchObject({ code: 'unsupported', message: expect.stringContaining('“T1”') });
  });

  it('finds labels by name, adds the others, and predicts with the project’s values', async () => {
    const project = at('project');
    expect((await run('project', 'create', project, '--label', 'Heart', '--label', '10')).code).toBe(0);
    await run('project', 'import', project, at('scan.nii.gz'));
    const { code, json } = await run('model', 'import', at('plain'), '--project', project, '--name', 'Theirs');
    expect(code).toBe(0);
    const { labelSet, pipeline } = json['card'] as {
      labelSet: { labels: { name: string; value: number }[] };
      pipeline: { output: { values: number[] } };
    };
    const values = labelSet.labels.map(({ name, value }) => [name, value]);
    expect(values).toEqual([
      ['10', 2],
      ['2', 3],
    ]);
    expect(pipeline.output.values).toEqual([0, 2, 3]);
    const { json: predicted, code: rc } = await run('project', 'predict', project);
    expect(rc).toBe(0);
    expect(predicted['predicted']).toHaveLength(1);
  });
});

describe('model shelf', () => {
  it('keeps a model for all projects, gives it to one, and lets it go', async () => {
    expect((await run('model', 'import', at('plain'), '--out', at('shelved'))).code).toBe(0);
    expect((await run('model', 'shelf')).json).toEqual({ models: [] });
    const kept = await run('model', 'shelf', '--keep', at('shelved'), '--name', 'Theirs');
    expect(kept.json['models']).toMatchObject([{ name: 'Theirs', licence: 'CC0', labels: ['10', '2'] }]);
    const hash = (kept.json['models'] as { hash: string }[])[0]?.hash ?? '';
    const project = at('taking');
    await run('project', 'create', project, '--label', '2');
    const taken = await run('model', 'import', hash.slice(0, 8), '--project', project);
    expect([taken.code, (taken.json['card'] as ImportedModelCard).pipeline.output.values]).toEqual([0, [0, 2, 1]]);
    expect((await run('model', 'shelf', '--remove', hash.slice(0, 8))).json).toEqual({ models: [] });
    expect((await run('model', 'shelf', '--remove', hash)).code).not.toBe(0);
    expect((await run('model', 'shelf', '--remove', 'x')).code).toBe(2);
  });
});

describe('model export', () => {
  it('writes ONNX and safetensors with a card, and replaces nothing unasked', async () => {
    expect((await run('model', 'import', at('plain'), '--out', at('exported'))).code).toBe(0);
    const onnx = await run('model', 'export', at('exported'), '--onnx', at('files', 'net.onnx'));
    expect(onnx.json).toMatchObject({ opset: 18 });
    expect((await run('model', 'export', at('exported'), '--onnx', at('files', 'net.onnx'))).code).not.toBe(0);
    expect((await run('model', 'export', at('exported'), '--safetensors', at('weights', 'net.safetensors'))).code).toBe(0);
    const { tensors, metadata } = decodeSafetensors(readFileSync(at('weights', 'net.safetensors')));
    expect([...tensors.keys()].some((name) => name.startsWith('fold_1/encoder.stages.0'))).toBe(true);
    expect(metadata['licence']).toBe('CC0');
    expect(readFileSync(at('weights', 'net.card.md'), 'utf8')).toContain('| 1 | 10 |');
  });
});
