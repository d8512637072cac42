import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportCases, type ExportRequest } from '#main/exchange/exportCases.ts';
import { keepRevision } from '#main/exchange/keepRevision.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { everyCase, getLabelSet, setLabelSet, type Project } from '#main/library/index.ts';
import { bring, emptyProject, placed, quietly, size, slabs, writeCase } from '#test/support/exchange.ts';
import { rampVolume } from '#test/support/studio.ts';

let root: string;
let project: Project;
const at = (...parts: string[]): string => join(root, ...parts);
const idOf = (name: string): string => everyCase(project.read).find((each) => each.name === name)?.id ?? '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-values-'));
  project = emptyProject(at('project'));
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

const exported = (names: readonly string[], change: Partial<ExportRequest> = {}) =>
  exportCases(
    { project, documents: { frozen: () => Promise.resolve(null) } },
    {
      format: 'nifti',
      destination: at('out'),
      caseIds: names.map(idOf),
      source: 'mask',
      deidentify: false,
      overwrite: false,
      values: 'source',
      ...change,
    },
    quietly,
  );

describe('the values that labels had where they came from', () => {
  it.each(['nifti', 'nrrd'])('are given back by an export (%s), to each case its own', async (format) => {
    await writeCase(at('a'), 'one', 1, [[1, 'Liver'], [2, 'Spleen']]); // prettier-ignore
    await writeCase(at('b'), 'two', 2, [[2, 'Liver'], [1, 'Spleen'], [4095, 'Kidney']]); // prettier-ignore
    await bring(project, [at('a')]);
    await bring(project, [at('b')]);
    // In the project, Liver is 1 everywhere.
    const ours = await exported(['two'], { format, values: 'project', destination: at('ours') });
    const found = await readLabels(ours.files[0]?.path ?? '');
    expect(found.labels.map(({ value, name }) => [value, name])).toEqual([
      [1, 'Liver'],
      [2, 'Spleen'],
      [3, 'Kidney'],
    ]);
    const { files, failures } = await exported(['one', 'two'], { format });
    expect([failures, files.every(({ verified }) => verified)]).toEqual([[], true]);
    for (const [n, [folder, name]] of [
      ['a', 'one'],
      ['b', 'two'],
    ].entries()) {
      const back = await readLabels(files[n]?.path ?? '');
      const truth = await readLabels(at(folder ?? '', 'labels', `${name ?? ''}.nii.gz`));
      expect(back.volume.data.every((value, voxel) => value === truth.volume.data[voxel])).toBe(true);
      if (n === 1)
        expect(back.labels.map(({ value, name: label }) => [value, label])).toEqual([
          [1, 'Spleen'],
          [2, 'Liver'],
          [4095, 'Kidney'],
        ]);
    }
  });

  it('also after a correction, with a label that was made here', async () => {
    await writeCase(at('b'), 'two', 2, [[7, 'Liver'], [9, 'Spleen']]); // prettier-ignore
    await bring(project, [at('b')]);
    const { labels } = getLabelSet(project.read);
    setLabelSet(project.write, { labels: [...labels, { value: 30, name: 'Cyst', color: '#112233', locked: false }] });
    await keepRevision(project, idOf('two'), slabs([9, 30, 7]), 'reviewed');
    const { files } = await exported(['two']);
    expect((await readLabels(files[0]?.path ?? '')).volume.data).toEqual(slabs([9, 30, 7]).data);
  });

  it('are refused for a case where two labels had one value, with the reason, and in formats that number labels themselves', async () => {
    await writeVolume(placed(at('t', 's1', 'ct.nii.gz')), rampVolume(size, 5));
    mkdirSync(at('t', 's1', 'segmentations'));
    await writeVolume(at('t', 's1', 'segmentations', 'liver.nii.gz'), slabs([1]));
    await writeVolume(at('t', 's1', 'segmentations', 'spleen.nii.gz'), slabs([0, 1]));
    const { added } = await bring(project, [at('t')]);
    expect(added).toHaveLength(1);
    const name = everyCase(project.read)[0]?.name ?? '';
    const { files, failures } = await exported([name]);
    expect([files, failures]).toEqual([
      [],
      [
        {
          caseId: added[0],
          error: expect.objectContaining({
            code: 'conflict',
            message: expect.stringContaining('both had the value 1') as string,
          }) as object,
        },
      ],
    ]);
    for (const format of ['dicom-seg', 'nnunet', 'csv', 'stl'])
      await expect(exported([name], { format })).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
