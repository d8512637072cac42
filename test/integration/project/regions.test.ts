import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { surfaceNets, type Mesh } from '#shared/geometry/surfaceNets.ts';
import { parseStl } from '#main/export/mesh/stl.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { readDataset } from '#main/imageio/dataset.ts';
import { logonet } from '#test/support/commandLine.ts';
import { rampVolume, startStudio, type TestStudio } from '#test/support/studio.ts';

const size: Triple = [12, 10, 8];
/** Of each 12 voxels: 6 whole tumour alone, 3 core alone, 1 enhancing. */
const pattern = [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3];
let app: TestStudio;
const at = (...parts: string[]): string => join(app.folder, ...parts);

beforeEach(async () => {
  app = startStudio(mkdtempSync(join(tmpdir(), 'logonet-regions-')));
  for (const part of ['imagesTr', 'labelsTr']) mkdirSync(at('set', part), { recursive: true });
  const image = rampVolume(size);
  await writeVolume(at('set', 'imagesTr', 'a_0000.nii.gz'), image);
  await writeVolume(at('set', 'labelsTr', 'a.nii.gz'), {
    grid: image.grid,
    data: Uint8Array.from(image.data, (_, n) => pattern[n % 12] ?? 0),
  });
  const labels = { background: 0, 'whole tumour': [1, 2, 3], core: [2, 3], enhancing: 3 };
  writeFileSync(
    at('set', 'dataset.json'),
    JSON.stringify({ channel_names: { 0: 'T1' }, labels, regions_class_order: [1, 2, 3], file_ending: '.nii.gz' }),
  );
  vi.stubEnv('LOGONET_DATA', at('data'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await app.close();
});
const run = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await logonet(args);
  expect(stderr.split('\n').filter((line) => line.startsWith('logonet:'))).toEqual([]);
  expect(code).toBe(0);
  return stdout;
};

describe('labels inside labels', () => {
  it('come in from nnU-Net’s regions, and go out as they came, as masks of their own and as volumes', { timeout: 600_000 }, async () => {
    const project = at('project');
    await run('project', 'create', project, '--name', 'Tumours');
    await run('project', 'import', project, at('set'));
    expect((await run('project', 'labels', project)).trim().split('\n')).toEqual([
      '1 whole tumour',
      '2 core (inside whole tumour)',
      '3 enhancing (inside core)',
    ]);
    await run('project', 'export', project, '--out', at('nnunet'), '--format', 'nnunet', '--identify');
    const written = JSON.parse(readFileSync(at('nnunet', 'dataset.json'), 'utf8')) as Record<string, unknown>;
    expect([written['labels'], written['regions_class_order']]).toEqual([
      { background: 0, 'whole tumour': [1, 2, 3], core: [2, 3], enhancing: 3 },
      [1, 2, 3],
    ]);
    expect((await readDataset(at('nnunet', 'dataset.json'))).labels).toEqual((await readDataset(at('set', 'dataset.json'))).labels);
    const [before, after] = [at('set', 'labelsTr', 'a.nii.gz'), at('nnunet', 'labelsTr', 'a.nii.gz')];
    expect([...(await readLabels(after)).volume.data]).toEqual([...(await readLabels(before)).volume.data]);
    await run('project', 'export', project, '--out', at('masks'), '--format', 'regions', '--identify');
    const core = await readLabels(at('masks', 'a-regions', '2-core.nii.gz'));
    expect([...core.volume.data.slice(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(existsSync(at('masks', 'a-regions', '1-whole_tumour.nii.gz'))).toBe(true);
    await run('project', 'export', project, '--out', at('table'), '--format', 'csv', '--identify');
    const rows = readFileSync(at('table', 'volumes.csv'), 'utf8').trim().split('\r\n').slice(1);
    expect(rows.map((line) => line.split(',').slice(2, 4))).toEqual([
      ['whole tumour', '800'],
      ['core', '320'],
      ['enhancing', '80'],
    ]);
  });

  it('are said on the command line, taken back by the project’s history, and measured as unions', { timeout: 600_000 }, async () => {
    const project = at('project');
    await run('project', 'create', project, '--name', 'Livers', '--label', 'Liver', '--label', 'Tumour');
    expect((await run('project', 'labels', project, '--inside', 'Tumour=Liver')).trim().split('\n')).toEqual([
      '1 Liver',
      '2 Tumour (inside Liver)',
    ]);
    const circle = await logonet(['project', 'labels', project, '--inside', 'Liver=Tumour']);
    expect([circle.code, circle.stderr]).toEqual([1, expect.stringContaining('cannot lie inside itself')]);
    expect(await run('project', 'history', project, '--undo')).toContain('Tumour');
    expect((await run('project', 'labels', project)).trim().split('\n')).toEqual(['1 Liver', '2 Tumour']);
    await run('project', 'history', project, '--redo');
    expect(await run('project', 'labels', project)).toContain('2 Tumour (inside Liver)');
    expect(await run('project', 'labels', project, '--inside', 'Tumour=')).not.toContain('inside');
    // A prediction that takes the core for the rest of the tumour is right about the whole.
    mkdirSync(at('predicted'));
    const truth = (await readLabels(at('set', 'labelsTr', 'a.nii.gz'))).volume;
    await writeVolume(at('predicted', 'a.nii.gz'), {
      grid: truth.grid,
      data: Uint8Array.from(truth.data, (value) => (value === 2 ? 1 : value)),
    });
    const measured = JSON.parse(
      await run(
        'evaluate',
        '--truth',
        at('set', 'labelsTr'),
        '--prediction',
        at('predicted'),
        '--dataset',
        at('set', 'dataset.json'),
        '--json',
      ),
    ) as { summary: { name: string; dice: number }[] };
    expect(measured.summary.map(({ name, dice }) => [name, dice])).toEqual([
      ['whole tumour', 1],
      ['core', 0.4],
      ['enhancing', 1],
    ]);
  });

  it('go out as overlapping segments, structures and surfaces where that is asked for, and come back', { timeout: 600_000 }, async () => {
    const [project, again] = [at('project'), at('again')];
    await run('project', 'create', project, '--name', 'Tumours');
    await run('project', 'import', project, at('set'));
    const truth = (await readLabels(at('set', 'labelsTr', 'a.nii.gz'))).volume;
    const exportAs = async (from: string, format: string, ...flags: string[]) =>
      (await run('project', 'export', from, '--out', at(`${format}${flags.join('')}`), '--format', format, '--identify', ...flags))
        .trim()
        .split('\n');
    /** Voxels of each label, by name, each with what overlaps it. */
    const counts = async (path: string): Promise<Record<string, number>> => {
      const { volume, labels, combinations } = await readLabels(path, { grid: truth.grid, overlaps: true });
      const held = new Map(combinations.map(({ code, values }) => [code, values]));
      const valuesOf = (value: number): readonly number[] => held.get(value) ?? [value];
      return Object.fromEntries(
        labels.map(({ name, value }) => [name, volume.data.filter((each) => valuesOf(each).includes(value)).length]),
      );
    };
    const regions = { 'whole tumour': 800, core: 320, enhancing: 80 };
    const [series = ''] = await exportAs(project, 'dicom', '--regions');
    expect(await counts(series)).toEqual(regions);
    // The images with what overlaps, as another program would send them: the innermost label has each voxel again.
    await run('project', 'create', again, '--name', 'Again');
    await run('project', 'import', again, at('dicom--regions'));
    await run('project', 'labels', again, '--inside', 'core=whole tumour', '--inside', 'enhancing=core');
    for (const format of ['dicom-seg', 'rtstruct']) {
      const [file = ''] = await exportAs(again, format, '--regions');
      expect([format, await counts(file)]).toEqual([format, regions]);
      const [plain = ''] = await exportAs(again, format);
      expect([format, await counts(plain)]).toEqual([format, { 'whole tumour': 480, core: 240, enhancing: 80 }]);
    }
    const [core] = (await exportAs(project, 'stl', '--regions')).filter((path) => path.endsWith('2-core.stl'));
    const union = Uint8Array.from(truth.data, (value) => (value >= 2 ? 1 : 0));
    const triangles = ({ triangles }: Mesh): number => triangles.length;
    const wanted = triangles(surfaceNets({ grid: truth.grid, data: union }, 1));
    expect(triangles(parseStl(readFileSync(core ?? '')))).toBe(wanted);
    expect(wanted).not.toBe(triangles(surfaceNets(truth, 2)));
    const refused = await logonet(['project', 'export', project, '--out', at('no'), '--regions']);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('In this format a voxel has one label')]);
  });

  it('are compared as unions with a second reading', { timeout: 600_000 }, async () => {
    const reader = async (name: string): Promise<string> => {
      await run('project', 'create', at(name), '--name', name);
      await run('project', 'import', at(name), at('set'));
      return at(name);
    };
    const mine = await reader('mine');
    // The second reader takes the core for the rest of the tumour, which is right about the whole.
    const mask = at('set', 'labelsTr', 'a.nii.gz');
    const { volume } = await readLabels(mask);
    rmSync(mask);
    await writeVolume(mask, { grid: volume.grid, data: Uint8Array.from(volume.data, (value) => (value === 2 ? 1 : value)) });
    const other = await reader('other');
    const merged = async (): Promise<unknown> => {
      const { agreement } = JSON.parse(await run('project', 'merge', mine, other, '--json')) as {
        agreement: { labels: { name: string; dice: number }[] };
      };
      return Object.fromEntries(agreement.labels.map(({ name, dice }) => [name, dice]));
    };
    expect(await merged()).toEqual({ 'whole tumour': 1, core: 0.4, enhancing: 1 });
    // What was compared by other regions is compared again.
    await run('project', 'labels', mine, '--inside', 'core=');
    expect(await merged()).toEqual({ 'whole tumour': expect.closeTo(960 / 1200) as number, core: 0.4, enhancing: 1 });
  });

  it('keep their outer label when it goes, and a label erased everywhere is the outer one’s again', async () => {
    const label = (value: number, name: string, inside?: number) => ({
      value,
      name,
      color: '#e69f00',
      locked: false,
      ...(inside && { inside }),
    });
    await app.client.projects.create({ path: at('project'), name: 'Nested', labels: [] });
    await app.client.library.import({ sources: [at('set')] });
    const { edit, undo } = app.client.history;
    await edit({ from: 3, into: null });
    const holding = async (value: number) => (await app.client.history.holding({ label: value })).cases.length;
    expect([await holding(2), await holding(3)]).toEqual([1, 0]);
    const { cases } = await app.client.library.list({});
    const { scans } = await app.client.scans.volumes({ caseId: cases[0]?.id ?? '' });
    expect(scans[0]?.labels?.map(({ voxels }) => voxels)).toEqual([800, 320, 0]);
    await undo();
    expect(await holding(3)).toBe(1);
    await app.client.projects.create({ path: at('other'), name: 'Other', labels: [label(1, 'a'), label(2, 'b', 1), label(3, 'c', 2)] });
    const { labels } = await app.client.projects.removeLabel({ value: 2 });
    expect(labels).toEqual([label(1, 'a'), label(3, 'c', 1)]);
  });
});
