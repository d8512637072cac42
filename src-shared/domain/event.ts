export const eventKinds = [
  'project-created',
  'labels-changed',
  'case-added',
  'case-removed',
  'edited-everywhere',
  'step-undone',
  'step-redone',
  'image-added',
  'image-relinked',
  'image-placed',
  'image-renamed',
  'status-changed',
  'notes-changed',
  'validation-lock-changed',
  'prediction',
  'correction',
  'acceptance',
  'mask-imported',
  'reading-added',
  'reading-taken',
  'training',
  'model-added',
  'promotion',
  'rollback',
  'export',
  'recovery',
  'restored-backup',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** A line of the audit trail: written once, never changed or removed. */
export interface AuditEvent {
  /** Grows with every event. */
  readonly sequence: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly who: string;
  readonly kind: EventKind;
  readonly caseId: string | null;
  readonly modelId: string | null;
  /** SHA-256 of the weights that were in play. */
  readonly weightsHash: string | null;
  readonly message: string;
  readonly detail: unknown;
}

export type NewEvent = Pick<AuditEvent, 'kind' | 'message'> & Partial<Pick<AuditEvent, 'caseId' | 'modelId' | 'weightsHash' | 'detail'>>;
