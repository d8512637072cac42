import fc from 'fast-check';
import { join } from 'node:path';
import { Random } from '#shared/base/random.ts';
import { withSmallDisk } from '../smallDisk.ts';
import type { TrustRow } from '../row.ts';

/** Of a sequence that hangs: a process of lowest priority waits for minutes on a machine that is busy with other things. */
const patienceMilliseconds = 1_800_000;
const shrinkMilliseconds = 300_000;

interface SeamRow extends Pick<TrustRow, 'name' | 'property' | 'count' | 'short'> {
  /** Now and then no sync of the host's succeeds (Linux with a C compiler alone). */
  readonly diskFails: boolean;
}

/** Random sequences through the window's stores, a real host and a real disk; each has a seed of its own, and those that failed once run first. */
export const seamRow = ({ diskFails, ...about }: SeamRow): TrustRow => ({
  ...about,
  part: 100,
  async run({ count, from, seed, folder }) {
    await import('../../support/svelteModules.ts');
    const { Bench } = await import('./bench.ts');
    const { Sequence, kinds, restartKinds, failingKinds, failingRestartKinds } = await import('./sequence.ts');
    const { keepExample, readExamples } = await import('./examples.ts');
    const { Studio } = await import('#renderer/stores/studio.svelte.ts');
    const done = await withSmallDisk(join(folder, 'disk'), async () => {
      const bench = new Bench(folder, join(folder, 'disk'), (client, shelf) => new Studio(client, shelf));
      await bench.launch();
      const actionsOf = (some: readonly (typeof failingRestartKinds)[number][]) =>
        fc.array(fc.record({ kind: fc.constantFrom(...some), x: fc.nat(400), label: fc.nat(2) }), { minLength: 3, maxLength: 25 });
      const [usual, ending] = diskFails ? [failingKinds, failingRestartKinds] : [kinds, restartKinds];
      const sequences = fc.oneof({ weight: 9, arbitrary: actionsOf(usual) }, { weight: 1, arbitrary: actionsOf(ending) });
      const property = fc.asyncProperty(sequences, async (actions) => {
        await (await Sequence.begin(bench)).run(actions);
      });
      const failures: string[] = [];
      const attempt = async (name: string, options: fc.Parameters<[Parameters<typeof keepExample>[0] & object]>): Promise<void> => {
        const limits = { numRuns: 1, timeout: patienceMilliseconds, interruptAfterTimeLimit: patienceMilliseconds + shrinkMilliseconds };
        const result = await fc.check(property, { ...limits, ...(options as object) });
        if (!result.failed) return;
        const [actions] = result.counterexample ?? [];
        failures.push(`${name}: ${JSON.stringify(actions)} ${String(result.errorInstance)}`);
        console.error(failures.at(-1)); // A long run says so at once.
        if (actions !== undefined) keepExample(actions);
        await bench.kill(); // It may be in the middle of something.
      };
      try {
        if (from === 0) for (const [n, example] of readExamples().entries()) await attempt(`example ${n}`, { examples: [[example]] });
        // Each sequence has a seed of its own, whatever range it is run in.
        for (let n = from; n < from + count; n++)
          await attempt(`sequence ${n}`, { seed: new Random(seed * 1_000_003 + n).uint32() | 0, unbiased: true });
        return { failures, counts: Object.fromEntries(bench.counts) };
      } finally {
        await bench.stop();
      }
    });
    if (done === null) return { tried: 0, failures: [], skipped: 'no small disk can be mounted here' };
    return { tried: count, ...done };
  },
});
