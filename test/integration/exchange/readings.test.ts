import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packProject } from '#main/exchange/carry/packProject.ts';
import { readingAgreement, takeReading } from '#main/exchange/readings/agreement.ts';
import { mergeReadings } from '#main/exchange/readings/mergeReadings.ts';
import { withOtherProject } from '#main/exchange/readings/otherProject.ts';
import { keepRevision } from '#main/exchange/keepRevision.ts';
import { readMaskFile } from '#main/document/index.ts';
import { everyCase, getCase, getLabelSet, latestMaskRevision, listMaskRevisions, removeLabel, type Project } from '#main/library/index.ts';
import { verifyProject } from '#main/project/verifyProject.ts';
import { bring, emptyProject, quietly, size, slabs, writeCase } from '#test/support/exchange.ts';

let root: string;
let mine: Project;
let other: Project;
const at = (...parts: string[]): string => join(root, ...parts);
const idOf = (project: Project, name: string): string => everyCase(project.read).find((each) => each.name === name)?.id ?? '';
const [row] = size;

/** Both readers have the same two images; the other one a third. The same labels, under permuted numbers. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-readings-'));
  mine = emptyProject(at('mine'), 'anna');
  other = emptyProject(at('other'), 'berta');
  await writeCase(at('a'), 'one', 1, [[1, 'Liver'], [2, 'Spleen']]); // prettier-ignore
  await writeCase(at('a'), 'two', 2, []);
  await bring(mine, [at('a')]);
  await writeCase(at('b'), 'one', 1, [[7, 'Spleen'], [5, 'Liver'], [6, 'Pancreas']]); // prettier-ignore
  await writeCase(at('b'), 'two', 2, []);
  await writeCase(at('b'), 'three', 3, []);
  await bring(other, [at('b')]);
  await keepRevision(other, idOf(other, 'two'), slabs([5]), 'reviewed');
});
afterEach(() => {
  mine.close();
  other.close();
  rmSync(root, { recursive: true, force: true });
});

describe('a second reader’s project', () => {
  it('is merged by the images: both masks are kept, and their agreement is listed', async () => {
    const before = everyCase(mine.read).map(({ status, hasMask }) => [status, hasMask]);
    const merged = await mergeReadings(mine, other, quietly);
    expect(merged).toMatchObject({
      there: 0,
      newLabels: ['Pancreas'],
      skipped: [{ name: 'three', reason: 'Its image is not in this project.' }],
    });
    expect(merged.added.toSorted()).toEqual([idOf(mine, 'one'), idOf(mine, 'two')].toSorted());
    // Never the truth by itself.
    expect(everyCase(mine.read).map(({ status, hasMask }) => [status, hasMask])).toEqual(before);
    expect(listMaskRevisions(mine.read, idOf(mine, 'one'))).toHaveLength(1);
    const table = await readingAgreement(mine, quietly);
    // Mine: Liver 2 rows of slice 1, Spleen 3 rows of slice 2. The other's: Spleen 2 rows of slice 1, Liver 3 of slice 2, Pancreas 4 of slice 3.
    const one = table.cases.find(({ caseName }) => caseName === 'one');
    expect(one?.labels).toEqual([
      { label: 1, name: 'Liver', dice: 0, hd95: expect.closeTo(2.236, 2) as number },
      { label: 2, name: 'Spleen', dice: 0, hd95: expect.closeTo(2.236, 2) as number },
      { label: expect.any(Number) as number, name: 'Pancreas', dice: 0, hd95: null },
    ]);
    expect([one?.reader, one?.dice, one?.revision]).toEqual(['berta', 0, 1]);
    expect(table.cases.find(({ caseName }) => caseName === 'two')).toMatchObject({ revision: null, labels: [], dice: null });
    await keepRevision(mine, idOf(mine, 'two'), slabs([1]), 'reviewed');
    const again = await readingAgreement(mine, quietly);
    expect(again.cases.find(({ caseName }) => caseName === 'two')).toMatchObject({ dice: 1, hd95: 0, revision: 1 });
    expect(again.labels.map(({ name, cases, dice }) => [name, cases, dice])).toEqual([
      ['Liver', 2, 0.5],
      ['Spleen', 1, 0],
      ['Pancreas', 1, 0],
    ]);
    expect(again.dice).toBeCloseTo(0.5 / 3);
  });

  it('is taken once, also packed, and verified like everything else', async () => {
    await packProject(other, at('other.logonet'), quietly);
    const merge = (path: string, reader: string) =>
      withOtherProject(path, quietly, (opened) => mergeReadings(mine, opened, { ...quietly, reader }));
    expect((await merge(at('other.logonet'), 'Berta')).added).toHaveLength(2);
    expect(await merge(at('other.logonet'), 'Berta')).toMatchObject({ added: [], there: 2 });
    expect((await merge(at('other.logonet'), 'Carla')).added).toHaveLength(2);
    expect((await readingAgreement(mine, quietly)).cases.map(({ reader }) => reader).toSorted()).toEqual([
      'Berta',
      'Berta',
      'Carla',
      'Carla',
    ]);
    mine.close();
    expect(await verifyProject(at('mine'), quietly)).toEqual({ checked: 7, faults: [] });
    await expect(mergeReadings(mine, mine, quietly)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('becomes a revision only where a person takes it', async () => {
    await mergeReadings(mine, other, quietly);
    const reading = (await readingAgreement(mine, quietly)).cases.find(({ caseName }) => caseName === 'one');
    const id = idOf(mine, 'one');
    await expect(takeReading(mine, reading?.id ?? '', () => true)).rejects.toMatchObject({ code: 'conflict' });
    const pancreas = getLabelSet(mine.read).labels.find(({ name }) => name === 'Pancreas')?.value ?? 0;
    removeLabel(mine.write, pancreas);
    expect(await takeReading(mine, reading?.id ?? '')).toBe(id);
    expect(listMaskRevisions(mine.read, id)).toHaveLength(2);
    const { data } = await readMaskFile(mine.paths.inside(latestMaskRevision(mine.read, id)?.path ?? ''));
    expect([1, 2, pancreas].map((value) => data.filter((each) => each === value).length)).toEqual([3 * row, 2 * row, 4 * row]);
    expect(getLabelSet(mine.read).labels.map(({ value }) => value)).toContain(pancreas);
    expect(getCase(mine.read, id).status).toBe('accepted');
    expect((await readingAgreement(mine, quietly)).cases.find(({ caseName }) => caseName === 'one')).toMatchObject({
      dice: 1,
      revision: 2,
    });
  });
});
