/** One label turned into another, or erased, in the masks of all cases: one step of the project's history, all or nothing. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import type { MaskRevision } from '#shared/domain/mask.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { combine, encodeMask, freePolicy, labelCounts, SegmentationDocument, type Delta } from '#shared/segmentation/index.ts';
import { openDocument, readDocument, readMaskFile, writeMaskFile } from '#main/document/index.ts';
import { removeUnfinished, writeFileAtomically } from '#main/files/atomicFile.ts';
import {
  addStep,
  everyCase,
  getLabelSet,
  getStep,
  imageOf,
  latestMaskRevision,
  listMaskRevisions,
  listSteps,
  newId,
  recordEvent,
  reviseMasks,
  setStep,
  type Project,
  type ProjectStep,
} from '#main/library/index.ts';
import type { ProjectSession } from '../session.ts';

export interface EverywhereEdit {
  readonly from: number;
  /** Null: erased. */
  readonly into: number | null;
}

interface Place {
  readonly caseId: string;
  /** The newest accepted mask, where it held the label, and the one that took its place. */
  readonly revision: { readonly before: string; readonly after: string } | null;
  /** The mask in correction as the step left it; null where there was none, or it did not hold the label. */
  readonly document: { readonly done: number; readonly hash: string } | null;
}

interface EditStep extends EverywhereEdit {
  readonly places: readonly Place[];
  /** Which way it goes while it is 'finishing'. */
  readonly way: 'do' | 'undo';
}

export interface AffectedCase {
  readonly caseId: string;
  readonly name: string;
  readonly accepted: boolean;
  readonly inCorrection: boolean;
}

export interface EverywhereOutcome {
  readonly changed: readonly { readonly caseId: string; readonly name: string }[];
  /** Cases that stayed as they are, and why. */
  readonly kept: readonly { readonly caseId: string; readonly name: string; readonly reason: string }[];
}

interface Options {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

type Session = Pick<ProjectSession, 'project' | 'documents'>;

const documentFolder = (project: Project, caseId: string): string => join(project.paths.case(caseId), 'document');

/** The cases whose masks hold a label, as accepted last or in correction. Throws `corrupt` where a mask cannot be read. */
export async function casesHolding(
  { project, documents }: Session,
  label: number,
  { cancellation, report }: Options,
): Promise<AffectedCase[]> {
  const found: AffectedCase[] = [];
  const cases = everyCase(project.read);
  for (const [index, { id: caseId, name }] of cases.entries()) {
    throwIfCancelled(cancellation);
    const accepted = (latestMaskRevision(project.read, caseId)?.voxels[label] ?? 0) > 0;
    const inCorrection = await documents.holds(caseId, label);
    if (accepted || inCorrection) found.push({ caseId, name, accepted, inCorrection });
    report({ phase: 'Looking through the masks', fraction: (index + 1) / cases.length, detail: name });
  }
  return found;
}

/**
 * Does it: new revisions of the accepted masks, a step in the masks in correction. Throws `conflict` where a case is open in a window or a label is
 * locked, `not-found` for an unknown label, `cancelled`, `disk-full`, `io`; nothing has changed then.
 */
export async function editEverywhere(session: Session, edit: EverywhereEdit, options: Options): Promise<EverywhereOutcome> {
  const { labels } = getLabelSet(session.project.read);
  const [from, into] = [edit.from, edit.into].map((value) => labels.find((label) => label.value === value));
  if (from === undefined || (edit.into !== null && into === undefined))
    throw new StudioError('not-found', 'This label is not in the list any more.');
  if (from === into) throw new StudioError('invalid-argument', 'Choose another label to turn this one into.');
  const outer = edit.into === null ? labels.find(({ value }) => value === from.inside) : undefined;
  // What is erased inside another label is that one's again.
  if (outer !== undefined) return editEverywhere(session, { from: edit.from, into: outer.value }, options);
  const locked = [from, into].find((label) => label?.locked === true);
  if (locked !== undefined) throw new StudioError('conflict', `“${locked.name}” is locked. Unlock it in the list of labels first.`);
  const name = into === undefined ? `“${from.name}” erased everywhere` : `“${from.name}” turned into “${into.name}” everywhere`;
  const affected = await casesHolding(session, edit.from, options);
  return carryOut(session, { edit, name, affected, stepId: null }, options);
}

interface Work {
  readonly edit: EverywhereEdit;
  readonly name: string;
  readonly affected: readonly AffectedCase[];
  /** The step that is done again; null: a new one. */
  readonly stepId: number | null;
}

async function carryOut(
  session: Session,
  { edit, name, affected, stepId }: Work,
  { cancellation, report }: Options,
): Promise<EverywhereOutcome> {
  const { project } = session;
  refuseOpen(session, affected);
  if (affected.length === 0) return { changed: [], kept: [] };
  const marker = markerOf(project);
  const planned = affected
    .filter(({ accepted }) => accepted)
    .map(({ caseId }) => ({ caseId, path: join(project.paths.case(caseId), 'revisions', `${newId()}.mask`) }));
  await writeFileAtomically(marker, JSON.stringify(planned.map(({ path }) => project.paths.relative(path))));
  try {
    const revisions: { readonly before: MaskRevision; readonly next: Parameters<typeof reviseMasks>[1][number] }[] = [];
    for (const [index, { caseId, path }] of planned.entries()) {
      throwIfCancelled(cancellation);
      report({ phase: 'Changing masks', fraction: index / planned.length });
      const before = latestMaskRevision(project.read, caseId);
      if (before === undefined) continue;
      const volume = await readMaskFile(project.paths.inside(before.path));
      change(volume, edit);
      await mkdir(dirname(path), { recursive: true });
      const contentHash = await writeMaskFile(path, volume);
      revisions.push({
        before,
        next: { caseId, path: project.paths.relative(path), contentHash, acceptance: before.acceptance, voxels: labelCounts(volume) },
      });
    }
    throwIfCancelled(cancellation);
    refuseOpen(session, affected);
    const id = project.write.transaction(() => {
      const made = reviseMasks(
        project.write,
        revisions.map(({ next }) => next),
      );
      const places = affected.map(({ caseId, inCorrection }): Place => {
        const at = revisions.findIndex(({ next }) => next.caseId === caseId);
        return {
          caseId,
          revision: at < 0 ? null : { before: revisions[at]?.before.id ?? '', after: made[at]?.id ?? '' },
          document: inCorrection ? { done: -1, hash: '' } : null,
        };
      });
      const detail: EditStep = { ...edit, places, way: 'do' };
      recordEvent(project.write, {
        kind: stepId === null ? 'edited-everywhere' : 'step-redone',
        message: `${name}: ${String(affected.length)} ${affected.length === 1 ? 'case' : 'cases'}.`,
        detail: { ...edit, caseIds: affected.map(({ caseId }) => caseId) },
      });
      if (stepId === null) return addStep(project.write, { kind: 'edit', name, state: 'finishing', detail });
      setStep(project.write, stepId, { state: 'finishing', detail });
      return stepId;
    });
    await finishStep(project, getStep(project.read, id));
  } finally {
    await dropUnused(project);
  }
  return { changed: affected.map(({ caseId, name: caseName }) => ({ caseId, name: caseName })), kept: [] };
}

/** Takes the step back, bit for bit, in every case that was not edited since; the others stay and are named. Throws as `editEverywhere`. */
export async function undoEverywhere(session: Session, step: ProjectStep): Promise<EverywhereOutcome> {
  const { project } = session;
  const detail = step.detail as EditStep;
  const { places, kept } = await unedited(session, detail.places);
  const names = new Map(everyCase(project.read).map(({ id, name }) => [id, name]));
  const affected = places.map(({ caseId }) => ({ caseId, name: names.get(caseId) ?? '' }));
  refuseOpen(session, affected);
  if (places.length === 0 && kept.length > 0) return { changed: [], kept };
  project.write.transaction(() => {
    reviseMasks(
      project.write,
      places.flatMap(({ caseId, revision }) => listMaskRevisions(project.read, caseId).filter(({ id }) => id === revision?.before)),
    );
    recordEvent(project.write, {
      kind: 'step-undone',
      message: `Taken back: ${step.name}.`,
      detail: { caseIds: places.map(({ caseId }) => caseId), kept: kept.map(({ caseId }) => caseId) },
    });
    setStep(project.write, step.id, { state: 'finishing', detail: { ...detail, places, way: 'undo' } satisfies EditStep });
  });
  await finishStep(project, getStep(project.read, step.id));
  return { changed: affected, kept };
}

/** Does a step again that was taken back, in the cases that it was taken back in. */
export async function redoEverywhere(session: Session, step: ProjectStep, options: Options): Promise<EverywhereOutcome> {
  const { from, into, places } = step.detail as EditStep;
  const wanted = new Set(places.map(({ caseId }) => caseId));
  const holding = (await casesHolding(session, from, options)).filter(({ caseId }) => wanted.has(caseId));
  return carryOut(session, { edit: { from, into }, name: step.name, affected: holding, stepId: step.id }, options);
}

/** Ends what a program that ended has left half done. To be called before masks are used. */
export async function finishEverywhere(project: Project): Promise<void> {
  await dropUnused(project);
  for (const step of listSteps(project.read)) if (step.kind === 'edit' && step.state === 'finishing') await finishStep(project, step);
}

/** The masks in correction follow what the library has committed to; the step then is done, or undone. May be repeated. */
async function finishStep(project: Project, step: ProjectStep): Promise<void> {
  const detail = step.detail as EditStep;
  const places: Place[] = [];
  for (const place of detail.places) {
    const { caseId, document } = place;
    const folder = documentFolder(project, caseId);
    if (document === null || !existsSync(folder)) {
      places.push(place);
      continue;
    }
    const opened = await openDocument(folder, { caseId, grid: imageOf(project.read, caseId).grid });
    try {
      const records: Uint8Array[] = [];
      const { mask, history } = opened.state();
      const copy = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
      if (detail.way === 'do') {
        if (copy.volume.data.includes(detail.from)) copy.push(step.name, change(copy.volume, detail));
      } else if (copy.history.done === document.done && hashOf(copy.volume) === document.hash) copy.undo();
      if (records.length > 0) await opened.append(records);
      places.push({ ...place, document: detail.way === 'do' ? { done: copy.history.done, hash: hashOf(copy.volume) } : document });
    } finally {
      await opened.close();
    }
  }
  setStep(project.write, step.id, { state: detail.way === 'do' ? 'done' : 'undone', detail: { ...detail, places } });
}

/** Changes the volume in place. */
function change(volume: LabelVolume, { from, into }: EverywhereEdit): Delta {
  const target = { volume, policy: freePolicy };
  return into === null
    ? combine(target, from, 'clear')
    : combine(target, into, 'add', { volume: { ...volume, data: volume.data.slice() } as LabelVolume, labels: [from] });
}

const hashOf = (volume: LabelVolume): string => createHash('sha256').update(encodeMask(volume)).digest('hex');

/** The places that are as the step left them, and why the others are not. */
async function unedited(
  { project }: Session,
  all: readonly Place[],
): Promise<{ places: Place[]; kept: EverywhereOutcome['kept'][number][] }> {
  const names = new Map(everyCase(project.read).map(({ id, name }) => [id, name]));
  const places: Place[] = [];
  const kept: EverywhereOutcome['kept'][number][] = [];
  for (const place of all) {
    const { caseId, revision, document } = place;
    const name = names.get(caseId);
    if (name === undefined) continue; // removed since
    if (revision !== null && latestMaskRevision(project.read, caseId)?.id !== revision.after)
      kept.push({ caseId, name, reason: 'It was accepted again since.' });
    else if (document !== null && !(await isAsLeft(project, caseId, document)))
      kept.push({ caseId, name, reason: 'Its mask was edited since.' });
    else places.push(place);
  }
  return { places, kept };
}

async function isAsLeft(project: Project, caseId: string, document: NonNullable<Place['document']>): Promise<boolean> {
  const folder = documentFolder(project, caseId);
  if (!existsSync(folder)) return false;
  const now = await readDocument(folder, caseId, () => imageOf(project.read, caseId).grid);
  return now !== null && now.steps === document.done && hashOf(now.volume) === document.hash;
}

function refuseOpen({ documents }: Session, cases: readonly { readonly caseId: string; readonly name: string }[]): void {
  const open = cases.filter(({ caseId }) => documents.isOpen(caseId));
  if (open.length > 0)
    throw new StudioError('conflict', `“${open[0]?.name ?? ''}” is open in a window. Close it there first, then try again.`);
}

const markerOf = (project: Project): string => join(project.paths.folder, 'everywhere.json');

/** Removes masks that were written for a step that was never taken. */
async function dropUnused(project: Project): Promise<void> {
  const marker = markerOf(project);
  const text = await readFile(marker, 'utf8').catch(() => null);
  if (text === null) return;
  for (const path of JSON.parse(text) as string[]) {
    const caseId = path.split('/')[1] ?? '';
    const file = project.paths.inside(path);
    if (!listMaskRevisions(project.read, caseId).some((revision) => revision.path === path)) await rm(file, { force: true });
    if (existsSync(dirname(file))) await removeUnfinished(dirname(file));
  }
  await rm(marker, { force: true });
}
