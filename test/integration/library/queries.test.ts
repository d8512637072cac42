import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as library from '#main/library/index.ts';
import type { ReadHandle, WriteHandle } from '#main/library/index.ts';
import type { Job } from '#shared/domain/job.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import type { Grid } from '#shared/geometry/grid.ts';

const grid: Grid = { size: [64, 48, 32], affine: [0, -0.8, 0, 1, 0.7, 0, 0, 2, 0, 0, 2.5, 3] };
const card = { format: 1, variant: 'small' } as ModelCard;
let folder: string;
let project: library.Project;
let write: WriteHandle;
let read: ReadHandle;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'queries-'));
  project = library.createProject(join(folder, 'p'), {
    name: 'p',
    author: 'reader',
    labelSet: { labels: [{ value: 1, name: 'A', color: '#000000', locked: false }] },
  });
  ({ write, read } = project);
});
afterEach(() => {
  project.close();
  rmSync(folder, { recursive: true, force: true });
});

const image = (caseId: string, contentHash: string) =>
  ({
    caseId,
    contentHash,
    storedHash: contentHash,
    fileStates: null,
    storage: 'copy',
    paths: ['images/x.nii.gz'],
    format: 'nifti1',
    modality: 'CT',
    grid,
  }) as const;
const model = (name: string, labels: readonly Label[] = []) =>
  library.addModel(write, {
    name,
    variant: 'small',
    card: { ...card, labelSet: { labels } },
    weightsHash: `weights of ${name}`,
    parameters: 10,
    trainingCases: 2,
    dice: 0.8,
    jobId: null,
  });
const events = (caseId?: string): string[] => library.listEvents(read, caseId === undefined ? {} : { caseId }).map((event) => event.kind);

describe('cases', () => {
  it('are filtered, sorted and paged', () => {
    const ids = Array.from({ length: 30 }, (_, n) =>
      library.addCase(write, {
        name: `Case ${String(n).padStart(2, '0')}`,
        notes: n % 3 === 0 ? 'Über-Notiz' : '',
        patientKey: `p${n % 4}`,
        heldOut: n % 5 === 0,
      }),
    );
    library.setCaseStatus(write, ids[4]!, 'excluded');
    library.setRanking(write, [
      { caseId: ids[9]!, score: 0.9, reason: 'unsure of A' },
      { caseId: ids[2]!, score: 0.5, reason: 'unlike the others' },
    ]);
    const names = (filter: library.CaseFilter): string[] => library.listCases(read, filter).cases.map(({ name }) => name.slice(5));
    expect(names({ limit: 3 })).toEqual(['00', '01', '02']);
    expect(names({ limit: 3, offset: 27 })).toEqual(['27', '28', '29']);
    expect(names({ limit: 2, descending: true })).toEqual(['29', '28']);
    expect(names({ limit: 3, sort: 'rank' }).slice(0, 2)).toEqual(['09', '02']);
    library.setCaseStatus(write, ids[0]!, 'accepted');
    expect(names({ limit: 4, sort: 'rank' })).toEqual(['09', '02', '01', '03']);
    expect(names({ sort: 'rank' }).slice(-2)).toEqual(['00', '04']);
    library.setCaseStatus(write, ids[0]!, 'unlabelled');
    expect(library.listCases(read, { text: 'über', limit: 1 }).total).toBe(10);
    expect(library.listCases(read, { text: "'; DROP TABLE cases; --" }).total).toBe(0);
    expect(library.listCases(read, { text: '%' }).total).toBe(0);
    expect(library.listCases(read, { patientKey: 'p1' }).total).toBe(8);
    expect(library.listCases(read, { heldOut: true }).total).toBe(6);
    expect(library.listCases(read, { statuses: ['excluded'] }).cases.map(({ id }) => id)).toEqual([ids[4]]);
    expect(library.listCases(read, { statuses: [] }).total).toBe(0);
    expect(library.countByStatus(read)).toEqual({ unlabelled: 29, predicted: 0, inCorrection: 0, accepted: 0, excluded: 1 });
    library.setRanking(write, []);
    expect(library.getCase(read, ids[9]!).ranking).toBeNull();
  });

  it('go from image to prediction to accepted mask, with every step in the audit trail', () => {
    const id = library.addCase(write, { name: 'Case' });
    library.addImage(write, image(id, 'h1'));
    expect(library.getCase(read, id)).toMatchObject({ modality: 'CT', size: [64, 48, 32], spacing: [0.7, 0.8, 2.5], status: 'unlabelled' });
    expect(library.findImageByHash(read, 'h1')).toMatchObject({ caseId: id, grid, paths: ['images/x.nii.gz'] });
    expect(library.findImageByHash(read, 'h2')).toBeUndefined();
    const modelId = model('First');
    library.addPrediction(write, {
      caseId: id,
      modelId,
      path: 'cases/x',
      uncertaintyPath: null,
      contentHash: 'c',
      weightsHash: 'w',
      uncertainty: 0.25,
      labels: [1],
    });
    expect(library.getCase(read, id)).toMatchObject({ status: 'predicted', hasPrediction: true, uncertainty: 0.25, hasMask: false });
    library.setCaseStatus(write, id, 'inCorrection');
    library.addPrediction(write, {
      caseId: id,
      modelId,
      path: 'cases/y',
      uncertaintyPath: null,
      contentHash: 'd',
      weightsHash: 'w',
      uncertainty: 0.2,
      labels: [1],
    });
    expect(library.getCase(read, id).status).toBe('inCorrection');
    expect(library.latestPrediction(read, id)?.path).toBe('cases/y');
    expect(
      library.addMaskRevision(write, { caseId: id, path: 'cases/1', contentHash: 'm', acceptance: 'reviewed', voxels: { 1: 500 } })
        .revision,
    ).toBe(1);
    expect(
      library.addMaskRevision(write, { caseId: id, path: 'cases/2', contentHash: 'n', acceptance: 'reviewed', voxels: { 1: 400 } })
        .revision,
    ).toBe(2);
    expect(library.latestMaskRevision(read, id)).toMatchObject({ revision: 2, path: 'cases/2', createdBy: 'reader', voxels: { 1: 400 } });
    expect(library.getCase(read, id)).toMatchObject({ status: 'accepted', hasMask: true });
    expect(events(id)).toEqual([
      'acceptance',
      'status-changed',
      'acceptance',
      'prediction',
      'status-changed',
      'status-changed',
      'prediction',
      'image-added',
      'case-added',
    ]);
    expect(library.listEvents(read, { caseId: id }).find(({ kind }) => kind === 'prediction')).toMatchObject({
      who: 'reader',
      modelId,
      weightsHash: 'w',
    });
  });

  it('hold several images: the first leads, the others keep their names, places and units', () => {
    const [id, other] = [library.addCase(write, { name: 'Case' }), library.addCase(write, { name: 'Other' })];
    const toLeading = [1, 0, 0, 2.5, 0, 1, 0, 0, 0, 0, 1, -4] as const;
    library.addImage(write, { ...image(id, 'ct'), name: 'CT' });
    library.addImage(write, image(other, 'alone'));
    const coarse = { size: [16, 12, 8], affine: [3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 10, 0] } as const;
    const pet = library.addImage(write, {
      ...image(id, 'pet'),
      name: 'PET',
      modality: 'unknown',
      grid: coarse,
      placement: { by: 'frame', toLeading: null },
      scale: { factor: 0.002, unit: 'SUVbw' },
    });
    expect(library.getCase(read, id)).toMatchObject({ modality: 'CT', size: [64, 48, 32] });
    expect(library.imageOf(read, id)).toMatchObject({ position: 0, name: 'CT', placement: { by: 'grid', toLeading: null } });
    expect(library.listImages(read).map(({ caseId, contentHash, position }) => [caseId, contentHash, position])).toEqual([
      [id, 'ct', 0],
      [id, 'pet', 1],
      [other, 'alone', 0],
    ]);
    library.placeImage(write, pet, { by: 'hand', toLeading });
    expect(library.channelsOf(project.paths, library.imagesByCase(read).get(id) ?? [])).toEqual([
      expect.objectContaining({ name: 'CT', expectedHash: 'ct', scale: { factor: 1, unit: '' } }),
      expect.objectContaining({
        imageId: pet,
        name: 'PET',
        expectedHash: 'pet',
        image: [project.paths.inside('images/x.nii.gz')],
        placement: { by: 'hand', toLeading },
        scale: { factor: 0.002, unit: 'SUVbw' },
      }),
    ]);
    expect(events(id)[0]).toBe('image-placed');
    expect(() => {
      library.placeImage(write, library.imageOf(read, id).id, { by: 'hand', toLeading });
    }).toThrow(/stays where it is/);
  });

  it('are refused where they are unknown, and nothing is half done', () => {
    const before = events().length;
    expect(() => library.getCase(read, 'nope')).toThrow(/not in the project/);
    expect(() => library.setCaseStatus(write, 'nope', 'accepted')).toThrow(/not in the project/);
    expect(() => library.addImage(write, image('nope', 'h'))).toThrow(/does not agree/);
    expect(() =>
      library.addMaskRevision(write, { caseId: 'nope', path: 'x', contentHash: 'x', acceptance: 'reviewed', voxels: {} }),
    ).toThrow();
    expect(library.listImages(read)).toEqual([]);
    expect(events()).toHaveLength(before);
  });
});

describe('labels', () => {
  const label = (value: number, name: string) => ({ value, name, color: '#000000', locked: false });
  const A = label(1, 'A');

  it('are removed one by one, and only where the newest masks do not hold them', () => {
    const id = library.addCase(write, { name: 'Case' });
    const mask = (voxels: Record<number, number>) =>
      library.addMaskRevision(write, { caseId: id, path: 'x', contentHash: 'x', acceptance: 'imported', voxels });
    mask({ 1: 3, 2: 0 });
    expect([library.casesWithLabel(read, 1), library.casesWithLabel(read, 2), library.casesWithLabel(read, 10)]).toEqual([[id], [], []]);
    expect(() => {
      library.removeLabel(write, 1);
    }).toThrow('“A” cannot be removed: the mask of 1 case still holds it.');
    expect(() => {
      library.setLabelSet(write, { labels: [] });
    }).toThrow(/also has “A”/);
    expect(() => {
      library.setLabelSet(write, { labels: [A, A] });
    }).toThrow(/same value/);
    expect(library.getLabelSet(read).labels).toEqual([A]);
    mask({ 2: 5 }); // what an earlier revision holds does not count
    library.removeLabel(write, 1);
    expect([library.getLabelSet(read).labels, library.listRemovedLabels(read)]).toEqual([[], [A]]);
    expect(() => {
      library.removeLabel(write, 1);
    }).toThrow(/not in the list/);
    expect(library.listEvents(read, { limit: 1 })).toMatchObject([
      { kind: 'labels-changed', message: 'Label “A” removed.', detail: { before: [A], after: [] } },
    ]);
  });

  it('keep their values when they are removed: no other label gets one', () => {
    library.setLabelSet(write, { labels: [A, label(2, 'Cyst')] });
    library.removeLabel(write, 2);
    expect(library.nextLabelValue(read)).toBe(3);
    expect(() => {
      library.setLabelSet(write, { labels: [A, label(2, 'Stone')] });
    }).toThrow(
      'The value 2 was “Cyst” until that label was removed, and older masks and models go on meaning it. Take another value, such as 3, for “Stone”.',
    );
    library.setLabelSet(write, { labels: [A, label(2, 'cyst ')] }); // by its own name it comes back
    expect([library.listRemovedLabels(read), library.nextLabelValue(read)]).toEqual([[], 3]);
    library.removeLabel(write, 2);
    library.restoreLabel(write, 2);
    expect([library.listRemovedLabels(read), library.getLabelSet(read).labels.map(({ value }) => value)]).toEqual([[], [1, 2]]);
    expect(() => {
      library.restoreLabel(write, 2);
    }).toThrow(/back already/);
  });

  it('do not get a value either that a model knows as something else', () => {
    model('Imported', [label(2, 'Tumour'), label(3, 'Oedema')]);
    expect(library.nextLabelValue(read)).toBe(4);
    library.setLabelSet(write, { labels: Array.from({ length: 255 }, (_, index) => label(index + 1, `x${String(index)}`)) });
    expect(() => library.nextLabelValue(read)).toThrow(/All 255/);
  });
});

describe('models', () => {
  it('are promoted and rolled back', () => {
    const [first, second] = [model('First'), model('Second')];
    expect(library.promotedModel(read)).toBeUndefined();
    expect(() => library.rollBackModel(write)).toThrow(/no earlier model/);
    library.promoteModel(write, first);
    library.promoteModel(write, second);
    expect(library.promotedModel(read)?.id).toBe(second);
    expect(library.rollBackModel(write).id).toBe(first);
    expect(library.promotedModel(read)?.id).toBe(first);
    expect(library.getModel(read, second)).toMatchObject({ promoted: false, wasPromoted: true });
    library.promoteModel(write, second);
    expect(library.rollBackModel(write).id).toBe(first);
    expect(library.listModels(read).map(({ name }) => name)).toEqual(['Second', 'First']);
    expect(events().slice(0, 2)).toEqual(['rollback', 'promotion']);
  });

  it('keep their metrics per case and label', () => {
    const id = library.addCase(write, { name: 'Case' });
    const modelId = model('First');
    library.setMetrics(write, [{ modelId, caseId: id, label: 1, dice: 0.5, hd95: 3, volumeError: null }]);
    library.setMetrics(write, [{ modelId, caseId: id, label: 1, dice: 0.6, hd95: null, volumeError: 0.1 }]);
    expect(library.listMetrics(read, modelId)).toEqual([{ modelId, caseId: id, label: 1, dice: 0.6, hd95: null, volumeError: 0.1 }]);
  });
});

describe('jobs', () => {
  it('are saved, replaced and listed', () => {
    const job: Job = {
      id: 'j1',
      kind: 'train',
      state: 'queued',
      priority: 'background',
      title: 'Training',
      phase: '',
      fraction: 0,
      remainingSeconds: null,
      createdAt: '2026-11-22T10:00:00.000Z',
      startedAt: null,
      endedAt: null,
      error: null,
      attempt: 1,
      canResume: false,
      modelId: null,
    };
    library.saveJob(write, job);
    library.saveJob(write, { ...job, id: 'j2', createdAt: '2026-11-22T11:00:00.000Z', state: 'running' });
    expect(library.unfinishedJobs(read).map(({ id }) => id)).toEqual(['j1', 'j2']);
    const failed: Job = {
      ...job,
      state: 'failed',
      fraction: 0.5,
      error: { code: 'out-of-memory', message: 'Too large.' },
      canResume: true,
      endedAt: '2026-11-22T12:00:00.000Z',
    };
    library.saveJob(write, failed);
    expect(library.getJob(read, 'j1')).toEqual(failed);
    expect(library.listJobs(read, 10).map(({ id }) => id)).toEqual(['j2', 'j1']);
    expect(library.getJob(read, 'none')).toBeUndefined();
  });
});

it('an error inside a transaction leaves nothing behind', () => {
  expect(() =>
    write.transaction(() => {
      library.addCase(write, { name: 'Case' });
      throw new Error('stop');
    }),
  ).toThrow('stop');
  expect(library.listCases(read).total).toBe(0);
  expect(events()).toEqual(['labels-changed', 'project-created']);
});
