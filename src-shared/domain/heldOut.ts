import { Random } from '../base/random.ts';

/** An accepted case, as far as holding out is concerned. */
export interface HoldOutCandidate {
  readonly id: string;
  /** Cases of one patient stay together; empty or null: a patient of its own. */
  readonly patient: string | null;
  /** Label values that its mask holds. */
  readonly labels: readonly number[];
  /** Already held out: stays so for good. */
  readonly heldOut: boolean;
  /** Already trained on: can no longer be held out honestly. */
  readonly trainedOn: boolean;
  /** Nobody looked at all of its mask: it may train and never measures. */
  readonly unseen: boolean;
}

const FRACTION = 0.2;
const MOST = 40;

/** How many of `accepted` cases to hold out: none below three, then a fifth, at least one and at most 40. */
export function heldOutTarget(accepted: number): number {
  return accepted < 3 ? 0 : Math.min(MOST, Math.max(1, Math.round(FRACTION * accepted)));
}

/**
 * Which further cases to hold out, so that in all about a fifth are, drawn by patient, with every label as often among them as among
 * all. Patients with a case that has been trained on, or was accepted without being looked at, are left out. What is held out stays held out.
 */
export function chooseHeldOut(cases: readonly HoldOutCandidate[], seed: number): string[] {
  const patients = Map.groupBy(cases, ({ id, patient }) => patient ?? `case ${id}`);
  const locked = new Set([...patients].filter(([, own]) => own.some(({ heldOut }) => heldOut)).map(([patient]) => patient));
  const target = heldOutTarget(cases.length);
  const total = labelCounts(cases);
  const chosen = [...patients].filter(([patient]) => locked.has(patient)).flatMap(([, own]) => own);
  const free = new Random(seed).shuffle(
    [...patients]
      .filter(([patient, own]) => !locked.has(patient) && !own.some(({ trainedOn, unseen }) => trainedOn || unseen))
      .map(([, own]) => own)
      .sort((a, b) => ((a[0]?.id ?? '') < (b[0]?.id ?? '') ? -1 : 1)),
  );
  // At least one patient is left to train on.
  const spare = (own: readonly HoldOutCandidate[]): boolean => cases.length - chosen.length > own.length;
  const measuring = (): number => chosen.filter(({ unseen }) => !unseen).length;
  while (measuring() < target) {
    const next = free
      .filter((own) => spare(own) && measuring() + own.length <= target + 1)
      .sort((a, b) => imbalance([...chosen, ...a], total, cases.length) - imbalance([...chosen, ...b], total, cases.length))[0];
    if (next === undefined) break;
    free.splice(free.indexOf(next), 1);
    chosen.push(...next);
  }
  // A patient's cases stay together: one that was not looked at is kept from training beside a held-out one.
  return chosen
    .filter(({ heldOut }) => !heldOut)
    .map(({ id }) => id)
    .sort();
}

function labelCounts(cases: readonly HoldOutCandidate[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const label of cases.flatMap(({ labels }) => [...new Set(labels)])) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** Sum over labels of how far their share among the chosen is from their share among all. */
function imbalance(chosen: readonly HoldOutCandidate[], total: ReadonlyMap<number, number>, all: number): number {
  const counts = labelCounts(chosen);
  let sum = 0;
  for (const [label, count] of total) sum += Math.abs((counts.get(label) ?? 0) / chosen.length - count / all);
  return sum;
}
