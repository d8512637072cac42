import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { isFileFault, StudioError } from '#shared/base/errors.ts';
import { looksLikeCt } from '#shared/domain/modality.ts';
import { quantile } from '#shared/domain/metrics.ts';
import type { IntensityRule, ModelChannel } from '#shared/domain/modelCard.ts';
import type { Scan } from '#shared/domain/trainingCase.ts';
import type { Work } from '#shared/domain/work.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Triple, Volume } from '#shared/geometry/grid.ts';
import { axisMapTo, permuteGrid } from '#shared/geometry/orientation.ts';
import { readCaseImages } from '#main/imageio/readCaseImages.ts';
import { contrastOf, mrIntensity } from '../trainingPlan.ts';

export interface ScanRule {
  /** mm along i, j, k. */
  readonly spacing: Triple;
  readonly intensity: IntensityRule;
  readonly channels?: readonly ModelChannel[] | undefined;
}

/** As many scans, spread evenly, decide for all. */
const MOST_LOOKED_AT = 40;

/**
 * How scans without labels are made alike: their median spacing; CT as the paper has it (−1000 to 1000 HU), else as the training plan makes MR alike. `names`: the
 * images of each that are looked at, the leading one unless given.
 */
export async function chooseScanRule(
  scans: readonly Scan[],
  { cancellation, report, turn }: Pick<Work, 'cancellation' | 'report' | 'turn'>,
  names?: readonly string[],
): Promise<ScanRule> {
  const stride = Math.max(1, scans.length / MOST_LOOKED_AT);
  const looked = Array.from({ length: Math.min(scans.length, MOST_LOOKED_AT) }, (_, index) => scans[Math.floor(index * stride)]).filter(
    (scan) => scan !== undefined,
  );
  const seen: { readonly spacing: Triple; readonly ct: readonly (boolean | null)[] }[] = [];
  for (const [index, scan] of looked.entries()) {
    throwIfCancelled(cancellation);
    await turn();
    const read = await readCaseImages(scan, names, cancellation).catch((error: unknown) => {
      if (isFileFault(error)) return undefined; // named when it is prepared
      throw error;
    });
    if (read !== undefined) {
      seen.push({
        spacing: spacingOf(permuteGrid(read.grid, axisMapTo(read.grid, 'RAS'))),
        ct: read.images.map((image) => (image === null ? null : looksLikeCt(image.modality, minimumOf(image.volume)))),
      });
    }
    report({ phase: 'Looking at scans', fraction: (index + 1) / looked.length, detail: scan.name });
  }
  if (seen.length === 0) throw new StudioError('invalid-file', 'None of the scans can be read.');
  const median = (axis: 0 | 1 | 2): number =>
    quantile(
      Float64Array.from(seen, ({ spacing }) => spacing[axis]),
      0.5,
    );
  const spacing: Triple = [median(0), median(1), median(2)];
  const mr = mrIntensity(contrastOf(spacing), spacing);
  const rule = (channel: number): IntensityRule => {
    const having = seen.flatMap(({ ct }) => ct[channel] ?? []);
    return having.filter(Boolean).length * 2 > having.length ? { kind: 'window', low: -1000, high: 1000 } : mr;
  };
  return {
    spacing,
    intensity: rule(0),
    ...(names && { channels: names.map((name, channel) => ({ name, intensity: rule(channel) })) }),
  };
}

function minimumOf({ data }: Volume): number {
  let minimum = Infinity;
  for (const value of data) if (value < minimum) minimum = value;
  return minimum;
}
