import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '#main/cli/run.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { rampVolume, writePairs } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';

let root: string;
let folder: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-outputs-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  await writeTinyModel(join(root, 'model'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
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

const at = (...parts: string[]): string => join(folder, ...parts);
async function image(seed: number, ...parts: string[]): Promise<string> {
  mkdirSync(at(...parts, '..'), { recursive: true });
  await writeVolume(at(...parts), rampVolume([18, 17, 16], seed));
  return at(...parts);
}

describe('predict', () => {
  const predict = (out: string, images: readonly string[], ...more: string[]) =>
    run('predict', '--model', join(root, 'model'), '--device', 'cpu', '--no-mirror', '--out', out, ...more, ...images);

  it('keeps the masks of two patients apart whose files have one name', async () => {
    const images = [await image(1, 'a', 'scan.nii.gz'), await image(2, 'b', 'scan.nii.gz'), await image(3, 'b', 'scan.nii')];
    const { code, json } = await predict(at('o'), images);
    expect(code).toBe(0);
    const masks = (json['predictions'] as { image: string; mask: string }[]).map(({ mask }) => mask);
    expect(new Set(masks).size).toBe(3);
    expect(readdirSync(at('o'))).toHaveLength(3);
    for (const mask of masks) expect((await readLabels(mask)).volume.grid.size).toEqual([18, 17, 16]);
  });

  it.each([['its folder'], ['a link to its folder'], ['the other spelling, with replacing allowed']])(
    'never writes over the image that it reads: into %s',
    async (where) => {
      const scan = await image(1, 'in', 'x.nii.gz');
      const before = readFileSync(scan);
      symlinkSync(at('in'), at('link'));
      const out = where.startsWith('a link') ? at('link') : at('in');
      const { code, json } = await predict(out, [scan], ...(where.startsWith('the') ? ['--overwrite'] : []));
      expect([code, json]).toMatchObject([1, { error: { code: 'conflict' } }]);
      expect(readFileSync(scan).equals(before)).toBe(true);
      expect(readdirSync(at('in'))).toEqual(['x.nii.gz']);
    },
  );

  it("leaves a person's mask of that name as it is, before anything is predicted, unless replacing is asked for", async () => {
    const images = [await image(1, 'in', 'y.nii.gz'), await image(2, 'in', 'x.nii.gz')];
    mkdirSync(at('o'));
    writeFileSync(at('o', 'X.nii.gz'.toLowerCase()), 'mine');
    expect(await predict(at('o'), images)).toMatchObject({ code: 1, json: { error: { code: 'conflict' } } });
    expect([readdirSync(at('o')), readFileSync(at('o', 'x.nii.gz'), 'utf8')]).toEqual([['x.nii.gz'], 'mine']);
    expect((await predict(at('o'), images, '--overwrite')).code).toBe(0);
    expect(readFileSync(at('o', 'x.nii.gz'), 'utf8')).not.toBe('mine');
  });
});

describe('project export', () => {
  async function project(): Promise<string> {
    await writePairs(at('source'), 3, 3);
    for (const [n, part] of ['a', 'b', 'c'].entries()) {
      mkdirSync(at('source', part, 'images'), { recursive: true });
      mkdirSync(at('source', part, 'labels'), { recursive: true });
      copyFileSync(at('source', 'labels', 'labels.csv'), at('source', part, 'labels', 'labels.csv'));
      for (const kind of ['images', 'labels'])
        copyFileSync(at('source', kind, `case${String(n)}.nii.gz`), at('source', part, kind, n === 2 ? 'Scan.nii.gz' : 'scan.nii.gz'));
    }
    await run('project', 'create', at('project'), '--label', 'Liver', '--label', 'Spleen');
    const { json } = await run('project', 'import', at('project'), ...['a', 'b', 'c'].map((part) => at('source', part)));
    expect(json).toMatchObject({ masks: 3, skipped: [] });
    return at('project');
  }

  it.each(['nifti', 'nrrd', 'stl', 'obj', 'nnunet'])('writes three cases named alike into files of their own (%s)', async (format) => {
    const { code, json } = await run(
      'project',
      'export',
      await project(),
      '--out',
      at('o'),
      '--format',
      format,
      '--identify',
      '--overwrite',
    );
    expect(code).toBe(0);
    const written = readdirSync(at('o', ...(format === 'nnunet' ? ['labelsTr'] : [])));
    const names = new Set(written.map((name) => name.toLowerCase().replace(/(-\d+-\w+)?\.(nii\.gz|seg\.nrrd|stl|obj)$/, '')));
    expect(names.size).toBe(3);
    for (const { path } of json['files'] as { path: string }[]) expect(existsSync(path)).toBe(true);
  });

  it('replaces no surface, table or data set of a person unasked', async () => {
    const folders = await project();
    for (const format of ['stl', 'csv', 'nnunet', 'nifti']) {
      const args = ['project', 'export', folders, '--format', format, '--out', at(format)];
      expect((await run(...args)).code).toBe(0);
      const list = (): string[] =>
        readdirSync(at(format), { recursive: true, encoding: 'utf8' })
          .filter((name) => /\.\w+$/.test(name))
          .sort();
      const files = list();
      for (const name of files) {
        // Only this one is the person's.
        for (const other of files) rmSync(at(format, other), { force: true });
        writeFileSync(at(format, name), 'mine');
        expect([name, (await run(...args)).code]).toEqual([name, 1]);
        expect([list(), readFileSync(at(format, name), 'utf8')]).toEqual([[name], 'mine']);
      }
    }
  });

  it("never takes the place of a project's own image or of an image kept by reference", async () => {
    const scan = await image(1, 'in', 'scan.nii.gz');
    const before = readFileSync(scan);
    await writeVolume(at('in', 'scan_seg.nii.gz'), { ...rampVolume([18, 17, 16]), data: new Uint8Array(18 * 17 * 16).fill(1) });
    await run('project', 'create', at('project'), '--label', 'Liver');
    expect((await run('project', 'import', at('project'), at('in'), '--reference', '--map', '1=Liver')).json).toMatchObject({ masks: 1 });
    const { code } = await run('project', 'export', at('project'), '--out', at('in'), '--identify', '--overwrite');
    expect(code).toBe(1);
    expect(readFileSync(scan).equals(before)).toBe(true);
  });
});

describe('folders that fill over time', () => {
  const mine = (...parts: string[]): string => {
    mkdirSync(at(...parts, '..'), { recursive: true });
    writeFileSync(at(...parts), 'mine');
    return at(...parts);
  };
  afterEach(() => {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.txt') || name.endsWith('pseudo-labels.csv')) expect(readFileSync(at(name), 'utf8')).toBe('mine');
  });

  it('train: what lies in a folder "training" or under the name of the weights stays', async () => {
    await writePairs(at('training'), 2, 2);
    const kept = mine('training', 'cases', 'notes.txt');
    const args = ['train', '--images', at('training', 'images'), '--labels', at('training', 'labels'), '--steps', '1', '--variant', 'tiny'];
    expect((await run(...args, '--out', folder)).code).toBeGreaterThan(0);
    expect(existsSync(kept)).toBe(true);
    mkdirSync(at('o'));
    writeFileSync(at('o', 'weights.safetensors'), 'mine');
    expect((await run(...args, '--out', at('o'))).code).toBeGreaterThan(0);
    expect(readFileSync(at('o', 'weights.safetensors'), 'utf8')).toBe('mine');
  });

  it('cluster: scans in a folder "cases" below the destination stay', async () => {
    const scan = await image(1, 'cases', 'scan.nii.gz');
    mine('pseudo-labels.csv');
    expect((await run('cluster', '--clusterers', '1', '--device', 'cpu', '--out', folder, at('cases'))).code).toBe(1);
    expect(existsSync(scan)).toBe(true);
  });

  it('experiment, phantoms and demo: no report and no data set of a person is replaced', async () => {
    await writePairs(at('data'), 2, 2);
    mine('e', 'report.md');
    mine('e', 'work', 'trials.json');
    const pairs = [0, 1].map((n) => ({ image: `images/case${String(n)}.nii.gz`, label: `labels/case${String(n)}.nii.gz` }));
    writeFileSync(at('data', 'dataset.json'), JSON.stringify({ labels: { 1: 'Liver', 2: 'Spleen' }, training: pairs }));
    const study = ['experiment', 'ablation', '--steps', '1', '--test', '1', '--labelled', '1', '--seeds', '1', '--device', 'cpu'];
    const { code } = await run(...study, '--variant', 'tiny', '--dataset', at('data', 'dataset.json'), '--out', at('e'));
    expect([code, readdirSync(at('e')).sort(), readdirSync(at('e', 'work'))]).toEqual([1, ['report.md', 'work'], ['trials.json']]);
    mine('p', 'dataset.json');
    mine('p', 'imagesTr', 'notes.txt');
    expect((await run('phantoms', '--count', '1', '--resolution', '20', '--out', at('p'))).code).toBe(1);
    expect(readFileSync(at('p', 'dataset.json'), 'utf8')).toBe('mine');
    mine('d', 'images', 'notes.txt');
    expect((await run('demo', '--minutes', '0.1', '--device', 'cpu', '--out', at('d'))).code).toBe(1);
  });
});
