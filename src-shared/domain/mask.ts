import type { CaseId, MaskRevisionId, ModelId, PredictionId } from './ids.ts';

/**
 * How a mask became the truth: by a person who had looked at each of its labels, or had not (`unseen`); together with others or by a command;
 * or imported as it was.
 */
export const acceptances = ['reviewed', 'unseen', 'bulk', 'imported'] as const;
export type Acceptance = (typeof acceptances)[number];

/** A mask as a person accepted (or imported) it: the truth that training uses. Never changed afterwards. */
export interface MaskRevision {
  readonly id: MaskRevisionId;
  readonly caseId: CaseId;
  /** 1 is the case's first. */
  readonly revision: number;
  /** Relative to the project folder, with '/'. */
  readonly path: string;
  /** SHA-256 (hex) of the file. */
  readonly contentHash: string;
  readonly acceptance: Acceptance;
  /** Voxels per label value, background left out. */
  readonly voxels: Readonly<Record<number, number>>;
  readonly createdAt: string;
  readonly createdBy: string;
}

/** What a model says of a case: a layer of its own that never touches the mask. */
export interface PredictionRecord {
  readonly id: PredictionId;
  readonly caseId: CaseId;
  readonly modelId: ModelId;
  /** Relative to the project folder, with '/'. */
  readonly path: string;
  readonly uncertaintyPath: string | null;
  readonly contentHash: string;
  /** SHA-256 (hex) of the weights that made it. */
  readonly weightsHash: string;
  /** Mean entropy in the foreground, 0..1. */
  readonly uncertainty: number;
  /** Label values that occur. */
  readonly labels: readonly number[];
  readonly createdAt: string;
}

/** Why a mask is not accepted without a decision. */
export interface AcceptQuestion {
  readonly empty: boolean;
  /** Labels that the newest prediction has and the mask lacks. */
  readonly missing: readonly number[];
}

/** What has to be asked before a mask of `voxels` is accepted; null where nothing has to be. `predicted`: labels of the newest prediction. */
export function acceptQuestion(voxels: MaskRevision['voxels'], predicted: readonly number[]): AcceptQuestion | null {
  const empty = Object.values(voxels).every((count) => count === 0);
  const missing = predicted.filter((value) => (voxels[value] ?? 0) === 0);
  return empty || missing.length > 0 ? { empty, missing } : null;
}

/** Why a mask is not accepted without a decision, as a sentence. `labels`: of the project. */
export function whyAsked({ empty, missing }: AcceptQuestion, labels: readonly { readonly value: number; readonly name: string }[]): string {
  const names = missing.map((value) => labels.find((label) => label.value === value)?.name ?? `label ${String(value)}`).join(', ');
  const lacks = empty ? 'Its mask is empty' : `Its mask has no ${names}`;
  return missing.length === 0 ? `${lacks}.` : `${lacks}, and its prediction has${empty ? ` ${names}` : ''}.`;
}
