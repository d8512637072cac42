import type { AnyModelCard } from './joinedModel.ts';
import type { JobId, ModelId } from './ids.ts';

/** A trained model version. Its card and weights lie in the project's models folder. */
export interface ModelRecord {
  readonly id: ModelId;
  readonly name: string;
  readonly variant: string;
  readonly card: AnyModelCard;
  /** SHA-256 (hex) of the weights file. */
  readonly weightsHash: string;
  readonly parameters: number | null;
  readonly trainingCases: number;
  /** Mean Dice on the held-out cases, where it was measured. */
  readonly dice: number | null;
  readonly promoted: boolean;
  /** Was promoted once: rollback can return to it. */
  readonly wasPromoted: boolean;
  readonly jobId: JobId | null;
  readonly createdAt: string;
}

/** How a model did on one label of one case. */
export interface CaseMetric {
  readonly modelId: ModelId;
  readonly caseId: string;
  readonly label: number;
  /** 0..1; null where the label is absent from truth and prediction. */
  readonly dice: number | null;
  /** Millimetres. */
  readonly hd95: number | null;
  readonly volumeError: number | null;
}
