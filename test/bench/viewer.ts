/**
 * Script time of painting, scrolling and switching tools in three linked views, in real Chromium on SwiftShader.
 *   node test/bench/viewer.ts [--size 512x512x600]
 * What the GPU (here: a software rasteriser) does afterwards is not counted; bytes sent to it are.
 */
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installedBrowser, openBrowser, serveFolder } from '../support/browser.ts';

interface Figures { readonly median: number; readonly p95: number; readonly maximum: number }
interface Results {
  readonly firstSlice: number;
  readonly dab: Figures;
  readonly dabBytes: Figures;
  readonly ballDab: Figures;
  readonly ballDabBytes: Figures;
  readonly scroll: Figures;
  readonly scrollBytes: number;
  readonly tool: Figures;
}

const { values } = parseArgs({ options: { size: { type: 'string', default: '512x512x600' } } });
const root = resolve(import.meta.dirname, '../..');
const executable = installedBrowser();
if (executable === null) {
  console.log('skipped: no Chromium-like browser is installed');
  process.exit(0);
}
execFileSync(join(root, 'node_modules/.bin/vite'), ['build', '-c', join(root, 'test/support/viewerPage/vite.config.ts'), '--logLevel', 'error'], { cwd: root, stdio: 'inherit' });
const served = await serveFolder(join(root, '.cache/viewer-page'));
const browser = await openBrowser(executable, { width: 1280, height: 720 });
try {
  await browser.page.goto(`${served.url}?size=${values.size}&surfaces=0&prediction=0`, { timeout: 240_000 });
  await browser.page.waitForFunction('window.page?.firstSlice() > 0', undefined, { timeout: 240_000 });
  await browser.page.waitForTimeout(3000);
  const results = await browser.page.evaluate(measure);
  console.log(`volume ${values.size}, three linked views at 1280×720, script milliseconds`);
  const line = (name: string, { median, p95, maximum }: Figures, unit = 'ms'): void =>
    console.log(`${name.padEnd(34)} median ${median.toFixed(1)}  p95 ${p95.toFixed(1)}  max ${maximum.toFixed(1)} ${unit}`);
  console.log(`${'first slice after the bytes'.padEnd(34)} ${results.firstSlice.toFixed(0)} ms`);
  line('dab, disc of 6 mm', results.dab);
  line('  sent to the GPU', results.dabBytes, 'bytes');
  line('dab, ball of 6 mm', results.ballDab);
  line('  sent to the GPU', results.ballDabBytes, 'bytes');
  line('scroll by one slice', results.scroll);
  console.log(`${'  sent to the GPU'.padEnd(34)} ${results.scrollBytes} bytes in all`);
  line('switch the tool', results.tool);
} finally {
  await browser.close();
  await served.close();
}

/** Runs inside the page. */
async function measure(): Promise<Results> {
  interface PageHandle {
    readonly frames: number[];
    readonly uploads: number[];
    readonly tools: { select(id: string): void; setValue(id: string, value: string | number): void };
    readonly firstSlice: () => number;
    readonly flushSync: () => void;
  }
  const { page } = window as unknown as { readonly page: PageHandle };
  const view = document.querySelector('[data-orientation=axial]') as HTMLElement;
  const bounds = view.getBoundingClientRect();
  const frame = (): Promise<void> => new Promise((done) => { requestAnimationFrame(() => setTimeout(done, 0)); });
  const figures = (numbers: number[]): Figures => {
    const sorted = numbers.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { median: at(0.5), p95: at(0.95), maximum: at(1) };
  };
  /** Handlers, effects and drawing of one event, and the bytes that it sent. */
  const timed = async (act: () => void): Promise<{ readonly script: number; readonly bytes: number }> => {
    page.frames.length = 0;
    page.uploads.length = 0;
    const started = performance.now();
    act();
    page.flushSync();
    const handled = performance.now() - started;
    await frame();
    return { script: handled + page.frames.reduce((sum, each) => sum + each, 0), bytes: page.uploads.reduce((sum, each) => sum + each, 0) };
  };
  const pointer = (type: string, n: number): PointerEvent => new PointerEvent(type, {
    bubbles: true, pointerId: 1, button: 0, buttons: 1,
    clientX: bounds.left + bounds.width * (0.3 + 0.4 * ((n % 97) / 97)), clientY: bounds.top + bounds.height * (0.35 + 0.3 * ((n % 61) / 61)),
  });
  view.setPointerCapture = () => undefined; // Made-up pointers cannot be captured.
  const paint = async (shape: string): Promise<{ readonly script: Figures; readonly bytes: Figures }> => {
    page.tools.select('brush');
    page.tools.setValue('shape', shape);
    await frame();
    const all: { readonly script: number; readonly bytes: number }[] = [];
    for (let stroke = 0; stroke < 2; stroke++) {
      view.dispatchEvent(pointer('pointerdown', stroke * 40));
      await frame();
      for (let n = 1; n <= 35; n++) all.push(await timed(() => view.dispatchEvent(pointer('pointermove', stroke * 40 + n))));
      view.dispatchEvent(pointer('pointerup', stroke * 40 + 40));
      await frame();
    }
    const steady = all.slice(10);
    return { script: figures(steady.map(({ script }) => script)), bytes: figures(steady.map(({ bytes }) => bytes)) };
  };
  const disc = await paint('disc');
  const ball = await paint('ball');
  const scrolls: { readonly script: number; readonly bytes: number }[] = [];
  for (let n = 0; n < 40; n++) scrolls.push(await timed(() => view.dispatchEvent(new WheelEvent('wheel', { deltaY: n % 20 < 10 ? 100 : -100, bubbles: true, cancelable: true }))));
  const ids = ['lasso', 'brush', 'regionGrow', 'smooth', 'crosshair'];
  const switches: number[] = [];
  for (let n = 0; n < 20; n++) switches.push((await timed(() => page.tools.select(ids[n % ids.length] ?? 'brush'))).script);
  return {
    firstSlice: page.firstSlice(), dab: disc.script, dabBytes: disc.bytes, ballDab: ball.script, ballDabBytes: ball.bytes,
    scroll: figures(scrolls.slice(5).map(({ script }) => script)), scrollBytes: scrolls.reduce((sum, { bytes }) => sum + bytes, 0), tool: figures(switches),
  };
}
