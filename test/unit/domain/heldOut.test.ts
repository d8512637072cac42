import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseHeldOut, heldOutTarget } from '#shared/domain/heldOut.ts';
import type { HoldOutCandidate } from '#shared/domain/heldOut.ts';

const candidate = (id: number, patient: string | null, labels: number[], rest: Partial<HoldOutCandidate> = {}): HoldOutCandidate => ({
  id: `c${id}`,
  patient,
  labels,
  heldOut: false,
  trainedOn: false,
  unseen: false,
  ...rest,
});

describe('held-out cases', () => {
  it('are about a fifth, none of very few', () => {
    expect([1, 2, 3, 5, 10, 50, 1000].map(heldOutTarget)).toEqual([0, 0, 1, 1, 2, 10, 40]);
    expect(chooseHeldOut([candidate(1, null, [1]), candidate(2, null, [1])], 0)).toEqual([]);
  });

  it('hold every label as often as all cases do', () => {
    const cases = Array.from({ length: 40 }, (_, id) => candidate(id, null, id % 4 === 0 ? [1, 2] : [1]));
    const chosen = chooseHeldOut(cases, 7);
    expect(chosen).toHaveLength(8);
    expect(chosen.filter((id) => Number(id.slice(1)) % 4 === 0)).toHaveLength(2);
  });

  it('never divide a patient, take one that was trained on, free one that is held out, or take everything', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            patient: fc.integer({ min: 0, max: 9 }),
            label: fc.integer({ min: 1, max: 3 }),
            trainedOn: fc.boolean(),
            heldOut: fc.boolean(),
          }),
          { minLength: 1, maxLength: 40 },
        ),
        fc.integer(),
        (rows, seed) => {
          const cases = rows.map((row, id) =>
            candidate(id, `p${row.patient}`, [row.label], { trainedOn: row.trainedOn && !row.heldOut, heldOut: row.heldOut }),
          );
          const chosen = new Set(chooseHeldOut(cases, seed));
          for (const own of Map.groupBy(cases, ({ patient }) => patient).values()) {
            const out = own.filter(({ id, heldOut }) => heldOut || chosen.has(id)).length;
            expect(out === 0 || out === own.length).toBe(true);
            const locked = own.some(({ heldOut }) => heldOut);
            if (!locked && own.some(({ trainedOn }) => trainedOn)) expect(out).toBe(0);
          }
          if (!cases.some(({ heldOut }) => heldOut)) expect(chosen.size).toBeLessThan(cases.length);
        },
      ),
      { seed: 1 },
    );
  });

  it('are none that were accepted without being looked at, nor of their patients, and these do not count as measuring', () => {
    const cases = Array.from({ length: 20 }, (_, id) => candidate(id, `p${id >> 1}`, [1], { unseen: id % 4 === 0 }));
    const chosen = chooseHeldOut(cases, 3);
    expect(chosen).toHaveLength(4);
    expect(chosen.filter((id) => [0, 1].includes(Number(id.slice(1)) % 4))).toEqual([]);
    // Beside a held-out case of its patient it does not train either.
    const beside = cases.map((each, id) => ({ ...each, heldOut: id === 1 }));
    expect(chooseHeldOut(beside, 3)).toContain('c0');
    expect(chooseHeldOut(beside, 3)).toHaveLength(1 + 4);
  });

  it('depend on the seed, not on the order', () => {
    const cases = Array.from({ length: 20 }, (_, id) => candidate(id, null, [1]));
    expect(chooseHeldOut(cases, 1)).toEqual(chooseHeldOut([...cases].reverse(), 1));
    expect(chooseHeldOut(cases, 1)).not.toEqual(chooseHeldOut(cases, 2));
  });
});
