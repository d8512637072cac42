import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findBrowser } from '../../../scripts/browser.mjs';
import type { TrustRow } from '../row.ts';
import { growthOf, usageOf, type Usage } from '../usage.ts';

const built = resolve(import.meta.dirname, '../../../dist/renderer/index.html');
const settledAfter = 20;

interface Held {
  readonly host: Usage | null;
  /** Megabytes of the page's heap, after a collection. */
  readonly heap: number;
  readonly nodes: number;
  /** WebGL contexts that are neither collected nor lost. */
  readonly contexts: number;
}

/** Remembers every WebGL context of the page, weakly. Runs in the page, before its own scripts. */
function rememberContexts(): void {
  const contexts: WeakRef<WebGLRenderingContext>[] = [];
  Object.assign(window, { contexts });
  for (const kind of [HTMLCanvasElement, OffscreenCanvas]) {
    const original = kind.prototype.getContext as (...given: unknown[]) => unknown;
    Object.assign(kind.prototype, {
      getContext(this: HTMLCanvasElement, ...given: unknown[]): unknown {
        const context = original.apply(this, given);
        if (String(given[0]).startsWith('webgl') && context !== null && !contexts.some((each) => each.deref() === context))
          contexts.push(new WeakRef(context as WebGLRenderingContext));
        return context;
      },
    });
  }
}

export const row: TrustRow = {
  name: 'soak-browser',
  property: 'in a real browser, cases are opened, drawn in, saved and closed with flat memory, nodes and GL contexts',
  count: 200,
  short: 0,
  async run({ count, folder }) {
    if (findBrowser() === undefined) return { tried: 0, failures: [], skipped: 'no browser is installed' };
    if (!existsSync(built)) return { tried: 0, failures: [], skipped: 'the window is not built: npm run build:renderer' };
    const { BrowserBench } = await import('../seam/browserBench.ts');
    const bench = await BrowserBench.open(folder, join(folder, 'disk'), 2);
    const { desk } = bench;
    const failures: string[] = [];
    try {
      await desk.page.addInitScript(rememberContexts);
      await bench.reload();
      const session = await desk.browser.context.newCDPSession(desk.page);
      await session.send('Performance.enable');
      const measure = async (): Promise<Held> => {
        await session.send('HeapProfiler.collectGarbage');
        const { metrics } = await session.send('Performance.getMetrics');
        const metric = (name: string): number => metrics.find((each) => each.name === name)?.value ?? 0;
        const contexts = await desk.page.evaluate(() => {
          const made = (window as unknown as { readonly contexts: readonly WeakRef<WebGLRenderingContext>[] }).contexts;
          return made.filter((each) => each.deref()?.isContextLost() === false).length;
        });
        return { host: usageOf(desk.host.process.pid ?? 0), heap: metric('JSHeapUsedSize') / 2 ** 20, nodes: metric('Nodes'), contexts };
      };
      let settled = await measure();
      for (let cycle = 0; cycle < count; cycle++) {
        await bench.openCase(`case${cycle % 2}`);
        await desk.page.keyboard.press('b');
        await desk.page.keyboard.press('Control+z'); // So that the history does not grow by itself.
        await desk.drag('axial', [
          [0.35, 0.4],
          [0.5, 0.45 + 0.001 * (cycle % 50)],
        ]);
        await desk.saved();
        if (cycle === Math.min(settledAfter, count >> 1)) settled = await measure();
      }
      const now = await measure();
      const grown = { 'MB more heap': now.heap - settled.heap, 'nodes more': now.nodes - settled.nodes, contexts: now.contexts };
      if (grown['MB more heap'] > 30)
        failures.push(`${grown['MB more heap'].toFixed(0)} MB of heap more than after ${settledAfter} cycles`);
      if (grown['nodes more'] > 2000) failures.push(`${grown['nodes more']} nodes more than after ${settledAfter} cycles`);
      if (now.contexts > settled.contexts + 1)
        failures.push(`${now.contexts} GL contexts, ${settled.contexts} after ${settledAfter} cycles`);
      failures.push(...desk.errors);
      const host = settled.host === null || now.host === null ? null : growthOf('the host', settled.host, now.host);
      return { tried: count, failures: [...failures, ...(host?.failures ?? [])], most: { ...grown, ...host?.most } };
    } finally {
      await bench.close();
    }
  },
};
