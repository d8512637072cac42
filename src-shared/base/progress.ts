/** Progress of long work: `fraction` in [0, 1], a short phase name for a person, and what is left in seconds where it is known. */
export interface Progress {
  readonly phase: string;
  readonly fraction: number;
  readonly remainingSeconds?: number;
  readonly detail?: string;
}

export type ReportProgress = (progress: Progress) => void;

export const ignoreProgress: ReportProgress = () => undefined;
