import { compareLabels, meanDice, summarise, type LabelMetrics, type LabelSummary } from '#shared/domain/metrics.ts';
import { slidingWindow, type PatchPredictor } from '#main/inference/slidingWindow.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { CaseReader, IGNORED_CLASS } from './patches/caseFile.ts';

export interface Validation {
  /** Per class 1..C−1. */
  readonly summary: readonly LabelSummary[];
  readonly cases: readonly { readonly name: string; readonly metrics: readonly LabelMetrics[] }[];
  /** Mean Dice over the classes; 0 where no class is present. */
  readonly score: number;
}

export interface ValidateOptions {
  /** Of the case files, in the order of the network's input; the first alone unless given. */
  readonly channels?: readonly number[] | undefined;
  /** Classes whose voxels count as a class's, where some lie inside it; each alone where not given. */
  readonly regions?: ReadonlyMap<number, readonly number[]> | undefined;
  /** HD95 too, which takes longer. */
  readonly distances?: boolean;
  readonly cancellation?: Cancellation;
  readonly turn?: () => Promise<void>;
  readonly onProgress?: (fraction: number) => void;
}

/** Predicts prepared cases with sliding windows and compares, on the model's own grid; voxels that nobody marked do not count. One case is in memory at a time. */
export async function validate(
  predictor: PatchPredictor,
  caseFiles: readonly string[],
  options: ValidateOptions = {},
): Promise<Validation> {
  const classes = Array.from({ length: predictor.classes - 1 }, (_, index) => index + 1);
  const cases: { name: string; metrics: LabelMetrics[] }[] = [];
  for (const [index, path] of caseFiles.entries()) {
    const reader = new CaseReader(path);
    try {
      const { name, size, spacing } = reader.header;
      const whole = { low: [0, 0, 0], size } as const;
      const image = reader.intensities(whole, options.channels ?? [0]);
      const result = await slidingWindow(image, size, predictor, { overlap: 0.25, cancellation: options.cancellation, turn: options.turn });
      const truth = reader.classes(whole);
      for (let at = 0; at < truth.length; at++) if (truth[at] === IGNORED_CLASS) truth[at] = result.classes[at] = 0;
      cases.push({
        name,
        metrics: compareLabels(truth, result.classes, size, spacing, classes, {
          distances: options.distances === true,
          regions: options.regions,
        }),
      });
    } finally {
      reader.close();
    }
    options.onProgress?.((index + 1) / caseFiles.length);
  }
  const summary = summarise(cases.map(({ metrics }) => metrics));
  return { summary, cases, score: meanDice(summary) ?? 0 };
}
