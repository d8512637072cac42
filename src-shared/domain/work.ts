import type { Cancellation } from '../base/cancellation.ts';
import type { ReportProgress } from '../base/progress.ts';
import type { CurvePoint, Severity } from './job.ts';

/** What long work sees of whoever runs it; most of it asks for a part only. */
export interface Work {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  readonly point: (point: CurvePoint) => void;
  readonly alarm: (severity: Severity, message: string) => void;
  /**
   * To be awaited between steps of long work. Lets waiting interactive work run first; throws `cancelled` once the work is to stop.
   * What is stopped (cancelled or paused, it is the same to it) leaves a checkpoint and lets `cancelled` pass.
   */
  readonly turn: () => Promise<void>;
  /** How many attempts in a row ended in a crash of the process: a reason to ask for less memory. */
  readonly crashes: number;
}
