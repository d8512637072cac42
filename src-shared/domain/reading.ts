import type { CaseId } from './ids.ts';
import type { LabelMetrics } from './metrics.ts';

/** Another reader's mask of a case, in the project's label values; kept beside the revisions, and never the truth by itself. */
export interface Reading {
  readonly id: string;
  readonly caseId: CaseId;
  readonly reader: string;
  /** Name of the project that it came from. */
  readonly project: string;
  /** Relative to the project folder, with '/'. */
  readonly path: string;
  /** SHA-256 (hex) of the file. */
  readonly contentHash: string;
  /** Voxels per label value, background left out. */
  readonly voxels: Readonly<Record<number, number>>;
  /** When the other reader accepted it. */
  readonly madeAt: string;
  readonly addedAt: string;
  readonly addedBy: string;
  /** By label value; null where it was not compared yet. `comparedWith`: the case's own revision, and which labels lay inside others (exchange/readings). */
  readonly agreement: { readonly comparedWith: string; readonly labels: readonly LabelMetrics[] } | null;
}
