import { createHash } from 'node:crypto';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Case } from '#shared/domain/case.ts';
import { whyAsked } from '#shared/domain/mask.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { copyPrediction, freePolicy, SegmentationDocument } from '#shared/segmentation/index.ts';
import { everyCase, getCase, getLabelSet } from '#main/library/index.ts';
import type { HeadlessOptions } from './headless.ts';
import { predictedMask } from './predictions.ts';
import type { ProjectSession } from './session.ts';

export interface AcceptOptions {
  /** All that are neither accepted nor excluded unless given. */
  readonly caseIds?: readonly string[];
  /** Cases that nobody has corrected get their newest prediction as mask. */
  readonly prediction: boolean;
  /** Masks that are empty, or lack labels of the prediction, are accepted as they are. */
  readonly allowEmpty: boolean;
  /** The masks that were shown (`MaskPreview.fingerprint`), by case: one that has changed since is not accepted. */
  readonly shown?: ReadonlyMap<string, string>;
}

export interface AcceptOutcome {
  readonly accepted: readonly { readonly caseId: string; readonly name: string; readonly revision: number }[];
  /** `reason`: a sentence. */
  readonly skipped: readonly { readonly caseId: string; readonly name: string; readonly reason: string }[];
}

/** Accepts many cases, in bulk: their masks may train and never measure. Throws `not-found` for an unknown case, `cancelled`, `disk-full` and `io`. */
export async function acceptCases(
  session: ProjectSession,
  options: AcceptOptions,
  { cancellation, report }: HeadlessOptions,
): Promise<AcceptOutcome> {
  const { read } = session.project;
  const cases = options.caseIds?.map((id) => getCase(read, id)) ?? everyCase(read).filter((each) => whyClosed(session, each) === null);
  const accepted: AcceptOutcome['accepted'][number][] = [];
  const skipped: AcceptOutcome['skipped'][number][] = [];
  for (const [index, { id: caseId, name }] of cases.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Accepting', fraction: index / cases.length, detail: name });
    try {
      const answer = whyClosed(session, getCase(read, caseId)) ?? (await acceptOne(session, caseId, options));
      if (typeof answer === 'string') skipped.push({ caseId, name, reason: answer });
      else accepted.push({ caseId, name, revision: answer });
    } catch (error) {
      if (!(error instanceof StudioError) || ['cancelled', 'disk-full', 'io'].includes(error.code)) throw error;
      skipped.push({ caseId, name, reason: error.message });
    }
  }
  return { accepted, skipped };
}

/** Why a case is not accepted in bulk, whatever its mask is; or null. */
export function whyClosed({ documents }: Pick<ProjectSession, 'documents'>, { id, status }: Pick<Case, 'id' | 'status'>): string | null {
  if (status === 'accepted') return 'It is accepted already.';
  if (status === 'excluded') return 'It is excluded.';
  return documents.isEdited(id) ? 'It is open in a window: accept it there, or close it first.' : null;
}

/**
 * The mask that accepting would keep: as it stands, or with `prediction`, where nobody has corrected it, the newest prediction (`taken`). A
 * sentence where there is none.
 */
export async function maskToAccept(
  { project, documents }: ProjectSession,
  caseId: string,
  prediction: boolean,
): Promise<{ readonly mask: LabelVolume; readonly taken: boolean } | string> {
  const { volume, steps } = await documents.standing(caseId);
  if (!prediction) return { mask: volume, taken: false };
  const predicted = await predictedMask(project, caseId);
  if (predicted === null) return 'It is not predicted.';
  const { data } = volume;
  const touched = steps > 0 || data.some((value) => value !== 0);
  if (touched && data.some((value, at) => value !== predicted.data[at]))
    return 'Its mask was corrected, and a prediction would replace that. Accept it without the prediction.';
  return { mask: predicted, taken: true };
}

/** The same for the same labels, however they are stored. */
export function fingerprintOf({ data }: LabelVolume): string {
  const hash = createHash('sha256');
  const piece = 1 << 22;
  for (let at = 0; at < data.length; at += piece) hash.update(Uint16Array.from(data.subarray(at, at + piece)));
  return hash.digest('hex');
}

/** The number of the new revision, or why there is none. */
async function acceptOne(session: ProjectSession, caseId: string, options: AcceptOptions): Promise<number | string> {
  const { project, documents } = session;
  const found = await maskToAccept(session, caseId, options.prediction);
  if (typeof found === 'string') return found;
  const shown = options.shown?.get(caseId);
  const opened = await documents.open(caseId);
  try {
    const records: Uint8Array[] = [];
    const document = SegmentationDocument.restore(opened.mask, opened.history, { sink: (record) => records.push(record) });
    if (found.taken) {
      document.push('Use the prediction', copyPrediction({ volume: document.volume, policy: freePolicy }, found.mask, { replace: true }));
    }
    if (shown !== undefined && fingerprintOf(document.volume) !== shown)
      return 'Its mask has changed since it was shown. Look at it again.';
    if (records.length > 0) await documents.append(caseId, opened.session, 0, records);
    const answer = await documents.accept(caseId, opened.session, records.length, { asItIs: options.allowEmpty, acceptance: 'bulk' });
    return answer.kind === 'accepted' ? answer.revision.revision : whyAsked(answer, getLabelSet(project.read).labels);
  } finally {
    await documents.close(caseId, opened.session);
  }
}
