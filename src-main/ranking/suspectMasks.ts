import type { CaseMetrics } from '#shared/domain/comparison.ts';

/** A training case whose mask disagrees with what was learned from all of them. */
export interface SuspectMask {
  readonly caseId: string;
  readonly reason: string;
}

/** Fewer cases than this have no typical agreement to fall short of. */
const ENOUGH = 5;
/** How far below the median a Dice has to lie, at least and in units of the usual spread. */
const LEAST_DROP = 0.2;
const SPREADS = 5;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * The network has seen these masks and agrees with most of them. Where it agrees far less with one (by more than 0.2 Dice and five times
 * the median deviation), the mask rather than the network is to be doubted: a slip, swapped labels, another convention.
 */
export function suspectMasks(measured: readonly CaseMetrics[], labelNames: ReadonlyMap<number, string>): SuspectMask[] {
  if (measured.length < ENOUGH) return [];
  const looks = new Map<string, string[]>();
  for (const label of labelNames.keys()) {
    const rows = measured.flatMap(({ caseId, metrics }) => {
      const dice = metrics.find((row) => row.label === label)?.dice ?? null;
      return dice === null ? [] : [{ caseId, dice }];
    });
    if (rows.length < ENOUGH) continue;
    const typical = median(rows.map(({ dice }) => dice));
    const spread = 1.4826 * median(rows.map(({ dice }) => Math.abs(dice - typical)));
    for (const { caseId, dice } of rows) {
      if (typical - dice <= Math.max(LEAST_DROP, SPREADS * spread)) continue;
      looks.set(caseId, [
        ...(looks.get(caseId) ?? []),
        `"${labelNames.get(label) ?? label}" agrees with what was learned by Dice ${dice.toFixed(2)} only, other cases by ${typical.toFixed(2)}`,
      ]);
    }
  }
  return [...looks].map(([caseId, reasons]) => ({ caseId, reason: `The mask deserves a second look: ${reasons.join('; ')}.` }));
}
