import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { looksLikeCt } from '#shared/domain/modality.ts';
import { quantile } from '#shared/domain/metrics.ts';
import type { IntensityRule } from '#shared/domain/modelCard.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { reorientToCanonical } from '#shared/geometry/orientation.ts';
import { readImage } from '#main/imageio/readImage.ts';
import type { TaskContext } from '../task.ts';
import type { Scan } from './clusterScans.ts';

export interface ScanRule {
  /** mm along i, j, k. */
  readonly spacing: Triple;
  readonly intensity: IntensityRule;
}

/** As many scans, spread evenly, decide for all. */
const MOST_LOOKED_AT = 40;

/** How scans without labels are made alike: their median spacing; CT as the paper has it (−1000 to 1000 HU), else a z-score per volume. */
export async function chooseScanRule(scans: readonly Scan[], { cancellation, report, turn }: Pick<TaskContext<never>, 'cancellation' | 'report' | 'turn'>): Promise<ScanRule> {
  const stride = Math.max(1, scans.length / MOST_LOOKED_AT);
  const looked = Array.from({ length: Math.min(scans.length, MOST_LOOKED_AT) }, (_, index) => scans[Math.floor(index * stride)]).filter((scan) => scan !== undefined);
  const seen: { readonly spacing: Triple; readonly ct: boolean }[] = [];
  for (const [index, { image, name }] of looked.entries()) {
    throwIfCancelled(cancellation);
    await turn();
    const read = await readImage(image, { cancellation }).catch((error: unknown) => {
      if (error instanceof StudioError && ['invalid-file', 'unsupported', 'not-found'].includes(error.code)) return undefined; // named when it is prepared
      throw error;
    });
    if (read !== undefined) {
      const { volume, modality } = read;
      let minimum = Infinity;
      for (const value of volume.data) if (value < minimum) minimum = value;
      seen.push({ spacing: spacingOf(reorientToCanonical(volume).grid), ct: looksLikeCt(modality === 'CT' || modality === 'MR' ? modality : 'unknown', minimum) });
    }
    report({ phase: 'Looking at scans', fraction: (index + 1) / looked.length, detail: name });
  }
  if (seen.length === 0) throw new StudioError('invalid-file', 'None of the scans can be read.');
  const median = (axis: 0 | 1 | 2): number => quantile(Float64Array.from(seen, ({ spacing }) => spacing[axis]), 0.5);
  const ct = seen.filter((each) => each.ct).length * 2 > seen.length;
  return { spacing: [median(0), median(1), median(2)], intensity: ct ? { kind: 'window', low: -1000, high: 1000 } : { kind: 'zscore', lowPercentile: 0.5, highPercentile: 99.5 } };
}
