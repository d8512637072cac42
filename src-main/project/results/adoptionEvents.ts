/** What the windows are told once a job's result is in the library. */
export interface AdoptionEvents {
  readonly predicted: (caseId: string, modelId: string) => void;
  readonly modelsChanged: () => void | Promise<void>;
  readonly pointingChanged: () => void;
  readonly casesChanged: (caseIds: readonly string[] | null) => void;
  readonly problem: (subject: string, message: string, caseId?: string | null) => Promise<void>;
}
