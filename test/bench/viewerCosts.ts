import type { CDPSession, Page } from 'playwright-core';

/** What one action of the person costs: processor milliseconds of the window's main thread, clock milliseconds, bytes sent to the GPU. */
export interface Cost {
  readonly script: number;
  readonly main: number;
  readonly wall: number;
  readonly bytes: number;
}
export interface UploadCount {
  uploaded: number;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly tid: number;
  readonly pid: number;
  readonly dur?: number;
  readonly tdur?: number;
}

/** Trace events that are JavaScript at work, whoever called it; the outermost counts. */
const scripts = new Set([
  'EventDispatch',
  'FunctionCall',
  'v8.callFunction',
  'RunMicrotasks',
  'FireAnimationFrame',
  'TimerFire',
  'EvaluateScript',
  'v8.run',
  'MinorGC',
  'MajorGC',
]);
const others = new Set(['UpdateLayoutTree', 'Layout', 'PrePaint', 'Paint', 'Layerize', 'Commit', 'HitTest', 'ParseHTML']);
const beginning = 'bench-begin';
const end = 'bench-end';

/** Two frames: what an event asked for is drawn in the first. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((done) => {
        requestAnimationFrame(() => {
          requestAnimationFrame(() => {
            done();
          });
        });
      }),
  );
}

/** Does `act` `count` times under a trace of the window, and takes each apart. The first `skip` are not counted. */
export async function costsOf(
  page: Page,
  session: CDPSession,
  count: number,
  skip: number,
  act: (n: number) => Promise<unknown>,
): Promise<readonly Cost[]> {
  const events: TraceEvent[] = [];
  const collect = ({ value }: { value: unknown[] }): void => {
    for (const event of value) events.push(event as TraceEvent);
  };
  session.on('Tracing.dataCollected', collect);
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['devtools.timeline', 'v8', 'blink.user_timing'] },
  });
  const walls: number[] = [];
  const bytes: number[] = [];
  const uploaded = (mark: string): Promise<number> =>
    page.evaluate((name) => {
      performance.mark(name);
      return (window as unknown as UploadCount).uploaded;
    }, mark);
  for (let n = 0; n < count; n++) {
    await settle(page);
    const before = await uploaded(beginning);
    const started = performance.now();
    await act(n);
    await settle(page);
    walls.push(performance.now() - started);
    bytes.push((await uploaded(end)) - before);
  }
  const complete = new Promise((done) => {
    session.once('Tracing.tracingComplete', done);
  });
  await session.send('Tracing.end');
  await complete;
  session.off('Tracing.dataCollected', collect);
  return taken(events)
    .map((parts, n) => ({ ...parts, wall: walls[n] ?? 0, bytes: bytes[n] ?? 0 }))
    .slice(skip);
}

/** Processor milliseconds between each pair of marks, on the thread that set them. */
function taken(events: readonly TraceEvent[]): readonly { readonly script: number; readonly main: number }[] {
  const marks = events.filter(({ name }) => name === beginning || name === end).toSorted((a, b) => a.ts - b.ts);
  const thread = marks[0];
  if (thread === undefined) throw new Error('The trace holds no mark.');
  const own = events
    .filter(({ ph, pid, tid, dur }) => ph === 'X' && pid === thread.pid && tid === thread.tid && dur !== undefined)
    .toSorted((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0));
  const outermost = (names: ReadonlySet<string>, from: number, to: number): number => {
    let sum = 0;
    let until = -Infinity;
    for (const event of own) {
      const over = event.ts + (event.dur ?? 0);
      // What sets the marks itself does not count.
      if (event.ts < from || over > to || !names.has(event.name) || event.ts < until) continue;
      until = over;
      sum += event.tdur ?? event.dur ?? 0;
    }
    return sum / 1000;
  };
  const result: { script: number; main: number }[] = [];
  for (let n = 0; n + 1 < marks.length; n += 2) {
    const [from, to] = [marks[n]?.ts ?? 0, marks[n + 1]?.ts ?? 0];
    result.push({ script: outermost(scripts, from, to), main: outermost(new Set([...scripts, ...others]), from, to) });
  }
  return result;
}
