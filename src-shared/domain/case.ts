import type { Triple } from '../geometry/grid.ts';
import type { CaseId } from './ids.ts';

export const caseStatuses = ['unlabelled', 'predicted', 'inCorrection', 'accepted', 'excluded'] as const;
export type CaseStatus = (typeof caseStatuses)[number];

/** Place in the proposed order of work (1 is next), how it was scored and why, in a sentence. */
export interface CaseRanking {
  readonly rank: number;
  readonly score: number;
  readonly reason: string;
}

/** What is segmented together, one image or several of one patient, as a list shows it. Times are ISO 8601 in UTC. */
export interface Case {
  readonly id: CaseId;
  readonly name: string;
  readonly status: CaseStatus;
  readonly notes: string;
  /** Equal for cases of one patient: a pseudonym, never a name or hospital number. Null: unknown, the case stands for itself. */
  readonly patientKey: string | null;
  /** The day of the scan, YYYY-MM-DD; null where nothing says it. It stays in the project, unless an export is to say who it is. */
  readonly scanDate: string | null;
  /** Locked for validation: never trained on, the measure of every model. */
  readonly heldOut: boolean;
  /** 'CT', 'MR' or 'unknown'; of the leading image, as are size and spacing. Empty and zeros where the case has no image. */
  readonly modality: string;
  readonly size: Triple;
  readonly spacing: Triple;
  /** An accepted mask is there. */
  readonly hasMask: boolean;
  readonly hasPrediction: boolean;
  /** Mean entropy of the newest prediction in its foreground, 0..1. */
  readonly uncertainty: number | null;
  readonly ranking: CaseRanking | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export type CaseCounts = Readonly<Record<CaseStatus, number>>;
