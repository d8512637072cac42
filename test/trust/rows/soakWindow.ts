import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TrustRow } from '../row.ts';
import { growthOf, usageOf, type Usage } from '../usage.ts';

const settledAfter = 200;
/** Cycles after which the project is closed and opened, and after which the window goes and another comes. */
const perProject = 10;
const perWindow = 50;

export const row: TrustRow = {
  name: 'soak-window',
  property: 'a case is opened, edited, saved and closed again and again, through window and host, with flat memory and descriptors',
  count: 2000,
  short: 20,
  async run({ count, random, folder }) {
    await import('../../support/svelteModules.ts');
    const { Bench } = await import('../seam/bench.ts');
    const { Studio } = await import('#renderer/stores/studio.svelte.ts');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const bench = new Bench(folder, join(folder, 'disk'), (client, shelf) => new Studio(client, shelf));
    await bench.launch();
    const failures: string[] = [];
    const measure = (): { host: Usage | null; window: Usage | null; heap: number } => {
      collect();
      return {
        host: usageOf(bench.process.pid ?? 0),
        window: usageOf(process.pid),
        heap: process.memoryUsage().heapUsed / 2 ** 20,
      };
    };
    try {
      const caseIds = [await bench.freshCase(), await bench.freshCase()];
      let window = await bench.openWindow();
      let settled = measure();
      for (let cycle = 0; cycle < count; cycle++) {
        const { studio } = window;
        if (studio.project === null) await studio.openProject(bench.project);
        await studio.openCase(caseIds[cycle % 2] as string);
        const { session } = studio;
        if (session === null) {
          failures.push(`cycle ${cycle}: the case was not opened`);
          break;
        }
        // Undone and done again, so that the history does not grow by itself.
        session.editing.undo();
        const centre = [-9 + random.integer(22), -18 + random.integer(18), 32 + random.integer(16)] as const;
        session.editing.paintOnce('Dab', { kind: 'ball', centre, radius: 2 }, 1 + (cycle % 2));
        await session.journal.flush();
        await studio.closeCase();
        if (cycle % perProject === perProject - 1) await studio.closeProject();
        if (cycle % perWindow === perWindow - 1) {
          await window.drop();
          window = await bench.openWindow();
        }
        if (cycle === Math.min(settledAfter, count >> 1)) settled = measure();
      }
      await window.drop();
      const now = measure();
      const heap = now.heap - settled.heap;
      if (heap > 20) failures.push(`the window's stores: ${heap.toFixed(0)} MB of heap more than at the beginning`);
      const growths = (['host', 'window'] as const).flatMap((name) => {
        const [before, after] = [settled[name], now[name]];
        return before === null || after === null ? [] : [growthOf(name === 'host' ? 'the host' : 'the window', before, after)];
      });
      return {
        tried: count,
        failures: [...failures, ...growths.flatMap((growth) => growth.failures)],
        most: Object.assign({ 'MB more heap of the window': heap }, ...growths.map(({ most }) => most)) as Record<string, number>,
      };
    } finally {
      await bench.stop();
    }
  },
};
