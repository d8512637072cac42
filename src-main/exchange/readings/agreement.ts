/** How far readings agree with the masks that were accepted here. */
import { Worker } from 'node:worker_threads';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { fromWireError, StudioError, toWireError, type WireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { meanDice, meanHd95, meanOf, summarise, type LabelMetrics } from '#shared/domain/metrics.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { Reading } from '#shared/domain/reading.ts';
import {
  getCase,
  getLabelSet,
  getReading,
  latestMaskRevision,
  listReadings,
  listRemovedLabels,
  noteAgreement,
  recordEvent,
  restoreLabel,
  type Project,
} from '#main/library/index.ts';
import { readMaskFile } from '#main/document/index.ts';
import { keepRevision } from '../keepRevision.ts';
import { makeRoom, type IsOpen } from '../makeRoom.ts';

export interface CompareRequest {
  readonly own: string;
  readonly reading: string;
  readonly labelSet: LabelSet;
}
export type CompareReply =
  { readonly kind: 'done'; readonly labels: readonly LabelMetrics[] } | { readonly kind: 'failed'; readonly error: WireError };

export interface LabelAgreement {
  readonly label: number;
  readonly name: string;
  readonly dice: number | null;
  readonly hd95: number | null;
}

export interface CaseAgreement {
  readonly id: string;
  readonly caseId: string;
  readonly caseName: string;
  readonly reader: string;
  readonly project: string;
  readonly madeAt: string;
  /** Of the mask here that it was compared with; null where none is accepted yet. */
  readonly revision: number | null;
  readonly labels: readonly LabelAgreement[];
  readonly dice: number | null;
  readonly hd95: number | null;
  /** Why it could not be compared; null where it could, or there is nothing to compare with. */
  readonly failure: string | null;
}

export interface AgreementTable {
  readonly cases: readonly CaseAgreement[];
  /** Each label over the cases that hold it in either reading. */
  readonly labels: readonly (LabelAgreement & { readonly cases: number })[];
  readonly dice: number | null;
  readonly hd95: number | null;
}

/**
 * Dice and HD95 of each reader's newest reading of a case against its newest revision here, by label, with all that lies inside it (labels that
 * neither holds do not count), for each case (mean over its labels), and means. What was compared before is not compared again. Throws `cancelled`.
 */
export async function readingAgreement(
  project: Project,
  { cancellation, report }: { readonly cancellation: Cancellation; readonly report: ReportProgress },
): Promise<AgreementTable> {
  const readings = listReadings(project.read);
  const names = new Map([...listRemovedLabels(project.read), ...getLabelSet(project.read).labels].map(({ value, name }) => [value, name]));
  const nameOf = (label: number): string => names.get(label) ?? `Label ${String(label)}`;
  const cases: CaseAgreement[] = [];
  const measured: (readonly LabelMetrics[])[] = [];
  for (const [n, reading] of readings.entries()) {
    throwIfCancelled(cancellation);
    const caseName = getCase(project.read, reading.caseId).name;
    report({ phase: 'Comparing', detail: caseName, fraction: n / readings.length });
    const { id, caseId, reader, project: from, madeAt } = reading;
    let failure: string | null = null;
    const compared = await compare(project, reading).catch((error: unknown) => {
      failure = toWireError(error).message;
      return null;
    });
    const labels = (compared?.labels ?? []).map(({ label, dice, hd95 }) => ({ label, name: nameOf(label), dice, hd95 }));
    if (compared !== null) measured.push(compared.labels);
    cases.push({
      ...{ id, caseId, caseName, reader, project: from, madeAt, labels, failure },
      revision: compared?.revision ?? null,
      dice: meanOf(labels.map(({ dice }) => dice)),
      hd95: meanOf(labels.map(({ hd95 }) => hd95)),
    });
  }
  const summary = summarise(inAll(measured));
  return {
    cases: cases.sort((a, b) => (a.dice ?? 2) - (b.dice ?? 2) || a.caseName.localeCompare(b.caseName)),
    labels: summary.map(({ label, cases: count, dice, hd95 }) => ({ label, name: nameOf(label), cases: count, dice, hd95 })),
    dice: meanDice(summary),
    hd95: meanHd95(summary),
  };
}

/** Every case with every label: those that it does not have count nowhere. */
function inAll(cases: readonly (readonly LabelMetrics[])[]): LabelMetrics[][] {
  const all = [...new Set(cases.flat().map(({ label }) => label))].sort((a, b) => a - b);
  const nowhere = { dice: null, hd95: null, truthMillilitres: 0, predictionMillilitres: 0, volumeError: null };
  return cases.map((labels) => all.map((label) => labels.find((each) => each.label === label) ?? { label, ...nowhere }));
}

/** Null where the case has no revision. */
async function compare(project: Project, reading: Reading): Promise<{ revision: number; labels: readonly LabelMetrics[] } | null> {
  const own = latestMaskRevision(project.read, reading.caseId);
  if (own === undefined) return null;
  const labelSet = getLabelSet(project.read);
  const comparedWith = [own.id, ...insideOthers(labelSet)].join(' ');
  if (reading.agreement?.comparedWith === comparedWith) return { revision: own.revision, labels: reading.agreement.labels };
  const labels = await compareInWorker({ own: project.paths.inside(own.path), reading: project.paths.inside(reading.path), labelSet });
  project.note((write) => noteAgreement(write, reading.id, { comparedWith, labels }));
  return { revision: own.revision, labels };
}

/** Which values lie inside which: a comparison stands as long as these do. */
function insideOthers({ labels }: LabelSet): string[] {
  return labels.flatMap(({ value, inside }) => (inside === undefined ? [] : [`${String(value)}<${String(inside)}`])).sort();
}

function compareInWorker(request: CompareRequest): Promise<readonly LabelMetrics[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./agreementWorker.ts', import.meta.url), { workerData: request });
    worker.once('message', (reply: CompareReply) => {
      if (reply.kind === 'done') resolve(reply.labels);
      else reject(fromWireError(reply.error));
    });
    const died = (cause?: unknown): void => {
      reject(new StudioError('internal', 'Two readings could not be compared. Try again.', { cause }));
    };
    worker.once('error', died);
    worker.once('exit', () => {
      died();
    });
  });
}

/**
 * Makes a reading the case's next revision. Labels of it that were removed here come back. Throws `not-found`, and `conflict` where the case is
 * open or its correction is not accepted.
 */
export async function takeReading(project: Project, readingId: string, isOpen?: IsOpen): Promise<string> {
  const reading = getReading(project.read, readingId);
  const volume = await readMaskFile(project.paths.inside(reading.path));
  await makeRoom(project, reading.caseId, volume, isOpen);
  for (const { value } of listRemovedLabels(project.read)) if ((reading.voxels[value] ?? 0) > 0) restoreLabel(project.write, value);
  await keepRevision(project, reading.caseId, volume, 'imported');
  recordEvent(project.write, {
    kind: 'reading-taken',
    caseId: reading.caseId,
    message: `The reading by ${reading.reader} was taken as the mask.`,
    detail: { contentHash: reading.contentHash },
  });
  return reading.caseId;
}
