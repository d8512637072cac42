import { mkdtempSync, readFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Triple } from '#shared/geometry/grid.ts';
import { decodeMask, freePolicy, labelCounts, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { logonet } from '#test/support/commandLine.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { rampVolume, startStudio, testLabels, type TestStudio } from '#test/support/studio.ts';

const size: Triple = [12, 10, 8];
let app: TestStudio;
const projectFolder = (): string => join(app.folder, 'project');
beforeEach(async () => {
  app = startStudio(mkdtempSync(join(tmpdir(), 'logonet-follow-')));
  await app.client.projects.create({ path: projectFolder(), name: 'Follow-up', labels: testLabels });
});
afterEach(() => app.close());

/** A DICOM series of the planted patient on a day; moved by whole voxels along i in the world, in a frame of reference. */
function series(
  name: string,
  { date, frame, moved = 0, patient = 'HOSP-998877' }: { date: string; frame: string; moved?: number; patient?: string },
) {
  const { grid, data } = rampVolume(size, name.length);
  const affine = grid.affine.map((value, n) => (n === 3 ? value + moved : value)) as unknown as typeof grid.affine;
  writeDicomSlices(join(app.folder, 'in', name), { grid: { size, affine }, data }, (k) => ({
    PatientID: patient,
    SeriesDescription: name,
    StudyDate: date,
    StudyInstanceUID: `2.25.9.${date}`,
    SeriesInstanceUID: `2.25.8.${date}`,
    SOPInstanceUID: `2.25.7.${date}.${String(k)}`,
    FrameOfReferenceUID: frame,
  }));
}

async function caseIds(): Promise<string[]> {
  await app.client.library.import({ sources: [join(app.folder, 'in')] });
  const { cases } = await app.client.library.list({ sort: 'name' });
  return cases.map(({ id }) => id);
}

/** What a window does: draws a ball about the middle and accepts the mask. */
async function accept(caseId: string, label: number, centre: Triple, radius = 3): Promise<void> {
  const opened = await app.client.document.open({ caseId });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(opened.mask, opened.history, { sink: (record) => records.push(record) });
  document.push('Brush', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre, radius }, label));
  const at = { caseId, session: opened.session };
  await app.client.document.append({ ...at, sequence: 0, records });
  await app.client.document.accept({ ...at, sequence: records.length, lookedAt: true });
  await app.client.document.close(at);
}

describe('the scans of a patient', () => {
  it('are found by patient and day, and the earlier mask begins the later one through the frame of reference', async () => {
    series('first', { date: '20250301', frame: '2.25.3' });
    series('second', { date: '20250612', frame: '2.25.3', moved: 2 });
    series('stranger', { date: '20250101', frame: '2.25.3', patient: 'OTHER' });
    const [first = '', second = '', stranger = ''] = await caseIds();
    const { date, others } = await app.client.scans.list({ caseId: second });
    expect([date, others.map((scan) => [scan.caseId, scan.date, scan.isPlaced, scan.image.placedBy])]).toEqual([
      '2025-06-12',
      [[first, '2025-03-01', true, 'frame']],
    ]);
    expect((await app.client.scans.list({ caseId: stranger })).others).toEqual([]);
    await expect(app.client.scans.start({ caseId: second, scanId: first })).rejects.toThrow(/mask of 2025-03-01 is empty/);
    await accept(first, 1, [-4, -15, 36]);
    const { name, mask } = await app.client.scans.start({ caseId: second, scanId: first });
    expect(name).toBe('Start from 2025-03-01');
    // Two voxels along i in the world: the same ball lies two voxels lower on the second grid.
    const moved = decodeMask(mask);
    const before = decodeMask((await app.client.document.open({ caseId: first })).mask);
    const shifted = Uint8Array.from(before.data, (_, at) => (at % 12 < 10 ? (before.data[at + 2] ?? 0) : 0));
    expect([...moved.data]).toEqual([...shifted]);
    await expect(app.client.scans.start({ caseId: second, scanId: stranger })).rejects.toThrow(/not known as another scan of the patient/);
    // Its image is read as one of the later case's, on that grid.
    const shown = await app.client.images.open({ caseId: second, imageId: others[0]?.image.imageId ?? '' });
    expect(shown.byteLength).toBe(12 * 10 * 8 * 4);
  });

  it('that share no frame are refused with a sentence until one was placed by hand', async () => {
    series('first', { date: '20250301', frame: '2.25.3' });
    series('second', { date: '20250612', frame: '2.25.4', moved: 2 });
    const [first = '', second = ''] = await caseIds();
    await accept(first, 1, [-4, -15, 36]);
    const of = { caseId: second, scanId: first };
    await expect(app.client.scans.start(of)).rejects.toThrow(/Nothing says how the scan of 2025-03-01 lies on this one.*Place it by hand/);
    const imageId = (await app.client.scans.list({ caseId: second })).others[0]?.image.imageId ?? '';
    const toLeading = [1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 0] as const;
    await app.client.images.place({ caseId: second, imageId, toLeading });
    const placed = decodeMask((await app.client.scans.start(of)).mask);
    // The shift takes it onto the same voxels.
    expect([...placed.data]).toEqual([...decodeMask((await app.client.document.open({ caseId: first })).mask).data]);
    expect((await app.client.scans.list({ caseId: second })).others[0]).toMatchObject({
      isPlaced: true,
      image: { placedBy: 'hand', toLeading },
    });
    await app.client.library.remove({ caseIds: [first] });
    expect((await app.client.scans.list({ caseId: second })).others).toEqual([]);
  });

  it('have volumes over time, the labels inside a label with it', async () => {
    series('first', { date: '20250301', frame: '2.25.3' });
    series('second', { date: '20250612', frame: '2.25.3' });
    const [first = '', second = ''] = await caseIds();
    await accept(first, 1, [-4, -15, 36]);
    const { scans } = await app.client.scans.volumes({ caseId: second });
    const voxels = Object.values(labelCounts(decodeMask((await app.client.document.open({ caseId: first })).mask)))[0] ?? 0;
    expect(voxels).toBeGreaterThan(20);
    expect(scans).toEqual([
      {
        caseId: first,
        name: expect.any(String) as string,
        date: '2025-03-01',
        day: 0,
        labels: [
          { value: 1, name: 'Liver', voxels, millilitres: expect.closeTo((voxels * 2) / 1000) as number },
          { value: 2, name: 'Spleen', voxels: 0, millilitres: 0 },
        ],
      },
      { caseId: second, name: expect.any(String) as string, date: '2025-06-12', day: 103, labels: null },
    ]);
  });

  it('are what a person says they are, as steps that can be taken back', async () => {
    mkdirSync(join(app.folder, 'in'));
    for (const name of ['a', 'b', 'c']) await writeVolume(join(app.folder, 'in', `${name}.nii.gz`), rampVolume(size, name.charCodeAt(0)));
    const [a = '', b = '', c = ''] = await caseIds();
    await app.client.scans.tell({ caseIds: [a, b], samePatient: true });
    await app.client.scans.tell({ caseIds: [b], date: '2024-02-29' });
    const others = async (caseId: string) => (await app.client.scans.list({ caseId })).others.map((scan) => [scan.caseId, scan.date]);
    expect(await others(a)).toEqual([[b, '2024-02-29']]);
    // Whoever joins one of them joins all.
    await app.client.scans.tell({ caseIds: [c, a], samePatient: true });
    expect(await others(c)).toEqual([
      [b, '2024-02-29'],
      [a, null],
    ]);
    expect((await app.client.history.undo()).changed.map(({ caseId }) => caseId)).toEqual([c]);
    expect(await others(c)).toEqual([]);
    expect((await app.client.history.undo()).name).toBe('1 case of 2024-02-29');
    expect(await others(a)).toEqual([[b, null]]);
    await app.client.history.redo();
    expect(await others(a)).toEqual([[b, '2024-02-29']]);
    await app.client.library.update({ caseIds: [c], heldOut: true });
    await expect(app.client.scans.tell({ caseIds: [a, c], samePatient: true })).rejects.toThrow(/held out for validation/);
    await expect(app.client.scans.tell({ caseIds: [a], date: '2024-02-30' })).rejects.toThrow();
  });

  it('that an earlier version imported are asked for their day and frame', async () => {
    series('first', { date: '20250301', frame: '2.25.3' });
    series('second', { date: '20250612', frame: '2.25.3', moved: 2 });
    const [first = '', second = ''] = await caseIds();
    await app.client.projects.close();
    const database = new Database(join(projectFolder(), 'library.sqlite'));
    database.exec('UPDATE cases SET scan_date = NULL; UPDATE image SET frame_of_reference = NULL');
    database.close();
    await app.client.projects.open({ path: projectFolder() });
    expect((await app.client.scans.list({ caseId: second })).others.map((scan) => [scan.caseId, scan.date, scan.image.placedBy])).toEqual([
      [first, '2025-03-01', 'frame'],
    ]);
  });
});

describe('follow-ups from the command line', () => {
  it(
    'start a mask as one step that is not accepted, keep locked labels, and write a table without names',
    { timeout: 300_000 },
    async () => {
      series('first', { date: '20250301', frame: '2.25.3' });
      series('second', { date: '20250612', frame: '2.25.3' });
      const [first = '', second = ''] = await caseIds();
      await accept(first, 1, [-4, -15, 36]);
      await accept(second, 2, [-4, -15, 38], 2);
      await app.client.projects.setLabels({ labels: testLabels.map((label) => ({ ...label, locked: label.value === 2 })) });
      await app.client.projects.close();
      vi.stubEnv('LOGONET_DATA', join(app.folder, 'data'));
      const start = await logonet(['project', 'start', projectFolder(), '--case', second, '--from', first]);
      expect([start.code, start.stdout]).toEqual([0, expect.stringMatching(/^Start from 2025-03-01: \d+ voxels changed\.$/m)]);
      const csv = join(app.folder, 'volumes.csv');
      const table = await logonet(['project', 'volumes', projectFolder(), '--patient', 'HOSP-998877', '--csv', csv]);
      expect(table.code).toBe(0);
      const lines = readFileSync(csv, 'utf8').trim().split('\r\n');
      expect(lines[0]).toBe('patient,case,date,day,label,name,voxels,volume_ml');
      expect(lines.slice(1).map((line) => line.split(',').slice(2, 6))).toEqual([
        ['', '0', '1', 'Liver'],
        ['', '0', '2', 'Spleen'],
        ['', '103', '1', 'Liver'],
        ['', '103', '2', 'Spleen'],
      ]);
      expect(lines.slice(1).every((line) => /^patient_[0-9a-f]{12},case_[0-9a-f]{12},/.test(line))).toBe(true);
      expect(`${lines.join('\n')}${table.stdout}`).not.toMatch(/Doe|998877|2025/);
      expect((await logonet(['project', 'volumes', projectFolder(), '--csv', csv])).code).not.toBe(0);
      const named = await logonet(['project', 'volumes', projectFolder(), '--patient', first, '--identify']);
      expect(named.stdout).toContain('2025-06-12');
      const told = await logonet(['project', 'patient', projectFolder(), '--case', first, '--date', '2025-03-02']);
      expect([told.code, told.stdout]).toEqual([0, expect.stringContaining('2025-03-02')]);
      vi.unstubAllEnvs();
      await app.client.projects.open({ path: projectFolder() });
      const { case: row } = await app.client.library.get({ caseId: second });
      expect(row.status).toBe('inCorrection');
      const opened = await app.client.document.open({ caseId: second });
      const document = SegmentationDocument.restore(opened.mask, opened.history, {});
      expect(document.history.undoName).toBe('Start from 2025-03-01');
      const [liver, spleen] = [1, 2].map((value) => labelCounts(document.volume)[value] ?? 0);
      document.undo();
      expect(labelCounts(document.volume)).toEqual({ 2: spleen });
      expect(liver).toBeGreaterThan(0);
    },
  );
});
