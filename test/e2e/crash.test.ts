import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { deskForTests } from './driver.ts';

/** Children of a process whose command line has `words` in it (Linux's /proc). */
function childrenOf(parent: number, words: string): readonly number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const ppid = Number(readFileSync(`/proc/${String(pid)}/stat`, 'utf8').replace(/^.*\) . /s, '').split(' ')[0]);
      return ppid === parent && readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes(words);
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

describe.skipIf(installedBrowser() === null || process.platform !== 'linux')('a crash is explained on the next screen', () => {
  const tests = deskForTests();
  const compute = (): number => {
    const [pid] = childrenOf(tests.desk.host.process.pid ?? 0, 'tasks/main.ts');
    if (pid === undefined) throw new Error('no compute process');
    return pid;
  };

  it('of the compute process: what happened, and that the work goes on', async () => {
    const { desk } = tests;
    await desk.openDemo();
    await desk.openCase('Phantom 04');
    await desk.button('Predict').click();
    await expect.poll(() => childrenOf(desk.host.process.pid ?? 0, 'tasks/main.ts'), { timeout: 60_000 }).toHaveLength(1);
    process.kill(compute(), 'SIGKILL');
    await desk.message(/The compute process is gone\. It was ended by SIGKILL\. No work of yours is lost\./).waitFor({ timeout: 60_000 });
    await desk.message(/was started again/).waitFor({ timeout: 60_000 });
    await desk.page.getByRole('checkbox', { name: 'Prediction' }).and(desk.page.locator(':enabled')).waitFor({ timeout: 240_000 });
  }, 400_000);

  it('of the compute process, silent: called so, and not a crash', async () => {
    const { desk } = tests;
    const pid = compute();
    process.kill(pid, 'SIGSTOP');
    try {
      await desk.message(/does not answer; the app waits for it/).waitFor({ timeout: 60_000 });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(await desk.page.getByLabel('Messages').getByText(/compute process is gone/).count()).toBeLessThanOrEqual(1);
  });

  it('of the graphics process: the window is loaded anew and says so', async () => {
    const { desk } = tests;
    await desk.page.addInitScript(() => {
      const kept: RenderingContext[] = [];
      Object.assign(window, { graphics: kept });
      const original = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...given: Parameters<typeof original>) {
        const context = original.apply(this, given);
        if (context !== null) kept.push(context);
        return context;
      } as typeof original;
    });
    await desk.page.reload();
    await desk.page.locator('.case h2').filter({ hasText: 'Phantom 04' }).waitFor({ timeout: 120_000 });
    await desk.page.evaluate(() => {
      const { graphics } = window as unknown as { readonly graphics: RenderingContext[] };
      for (const context of graphics) if (context instanceof WebGL2RenderingContext) context.getExtension('WEBGL_lose_context')?.loseContext();
    });
    await desk.message(/The graphics driver was reset/).waitFor({ timeout: 60_000 });
    await desk.page.locator('.case h2').filter({ hasText: 'Phantom 04' }).waitFor({ timeout: 120_000 });
  });

  it('of the window: its strokes are there', async () => {
    const { desk } = tests;
    await desk.page.keyboard.press('Digit1');
    await desk.page.keyboard.press('b');
    await desk.drag('axial', [[0.3, 0.45], [0.36, 0.5]]);
    await desk.saved();
    await desk.page.reload();
    await desk.page.locator('.case h2').filter({ hasText: 'Phantom 04' }).waitFor({ timeout: 120_000 });
    expect(await desk.message(/The window crashed/).count()).toBe(0);
    const session = await desk.browser.context.newCDPSession(desk.page);
    const crashed = desk.page.waitForEvent('crash');
    void session.send('Page.crash').catch(() => undefined); // Nobody is left to answer.
    await crashed;
    await desk.anotherWindow();
    await desk.message(/The window crashed and was opened anew/).waitFor({ timeout: 60_000 });
    await desk.page.locator('.case h2').filter({ hasText: 'Phantom 04' }).waitFor({ timeout: 120_000 });
    expect(await desk.history()).toEqual(['Brush: Liver']);
  });

  it('of the main process: in the window that is left, and at the next start', async () => {
    const { desk } = tests;
    const ended = new Promise((resolve) => { desk.host.process.once('exit', resolve); });
    desk.host.process.kill('SIGKILL');
    await ended;
    await desk.page.getByRole('heading', { name: 'The program behind this window is not running' }).waitFor();
    await tests.restart();
    await tests.desk.page.getByText('The last run ended unexpectedly.').waitFor();
    await tests.desk.screenshot('crash-720p');
    await tests.desk.button('Understood').click();
    await tests.desk.openDemo();
    await tests.desk.openCase('Phantom 04');
    expect(await tests.desk.history()).toEqual(['Brush: Liver']);
  });
});
