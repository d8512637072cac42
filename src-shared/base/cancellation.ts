import { StudioError } from './errors.ts';

/** What long work looks at between steps. An `AbortSignal` is one, too, structurally. */
export interface Cancellation {
  readonly aborted: boolean;
}

export const neverCancelled: Cancellation = { aborted: false };

/** Throws `cancelled` once the signal is aborted. */
export function throwIfCancelled(cancellation: Cancellation): void {
  if (cancellation.aborted) throw new StudioError('cancelled', 'Cancelled.');
}
