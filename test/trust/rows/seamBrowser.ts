import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Random } from '#shared/base/random.ts';
import { findBrowser } from '../../../scripts/browser.mjs';
import { withSmallDisk } from '../smallDisk.ts';
import type { TrustRow } from '../row.ts';
import type { BrowserBench } from '../seam/browserBench.ts';

const built = resolve(import.meta.dirname, '../../../dist/renderer/index.html');
const actions = 12;

export const row: TrustRow = {
  name: 'whole-seam-browser',
  property: 'in a real browser, by mouse, each stroke is there or offered after reloads, kills and full disks',
  count: 30,
  short: 0,
  part: 3,
  async run({ count, from, seed, folder }) {
    if (findBrowser() === undefined) return { tried: 0, failures: [], skipped: 'no browser is installed' };
    if (!existsSync(built)) return { tried: 0, failures: [], skipped: 'the window is not built: npm run build:renderer' };
    const { BrowserBench: Bench } = await import('../seam/browserBench.ts');
    const { BrowserSequence } = await import('../seam/browserSequence.ts');
    const failures: string[] = [];
    const counts = new Map<string, number>();
    const disk = join(folder, 'disk');
    const done = await withSmallDisk(disk, async () => {
      let bench: BrowserBench | null = null;
      for (let n = from; n < from + count; n++) {
        // After a failure another one takes its place, with a folder of its own.
        bench ??= await Bench.open(join(folder, `bench${n}`), join(disk, String(n)), count);
        const sequence = new BrowserSequence(bench, `case${n - from}`);
        try {
          await sequence.run(new Random(seed * 1_000_003 + n), actions);
          // That a host that was killed cannot be reached is no fault.
          const errors = bench.desk.errors.splice(0).filter((error) => !/WebSocket|net::ERR_/.test(error));
          if (errors.length > 0) failures.push(`sequence ${n}: the window threw ${errors.join(' | ')}`);
        } catch (error) {
          failures.push(`sequence ${n}: ${String(error)}`);
          await bench.desk.screenshot(`trust-browser-${n}`).catch(() => undefined);
          await bench.close();
          bench = null;
        }
        for (const [what, times] of sequence.seen) counts.set(what, (counts.get(what) ?? 0) + times);
      }
      await (bench as BrowserBench | null)?.close();
      return true;
    });
    if (done === null) return { tried: 0, failures: [], skipped: 'no small disk can be mounted here' };
    return { tried: count, failures, counts: Object.fromEntries(counts) };
  },
};
