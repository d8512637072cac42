import type { CaseId, MaskRevisionId, ModelId, PredictionId } from './ids.ts';

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
  readonly origin: 'accepted' | 'imported';
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
