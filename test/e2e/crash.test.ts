import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '#shared/domain/job.ts';
import { installedBrowser } from '../support/browser.ts';
import { computeProcessOf } from '../support/children.ts';
import { makeSmallDemo } from '../support/smallDemo.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null || process.platform !== 'linux')('a crash is explained on the next screen', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-crash-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });
  const compute = (): number => computeProcessOf(tests.desk.host.process.pid ?? 0);

  it('of the compute process: what happened, and that the work goes on', async () => {
    const { desk } = tests;
    await desk.showProject(await makeSmallDemo(folder));
    await desk.openCase('Phantom 04');
    const { client, socket } = await desk.client();
    const [other] = (await client.library.list({ text: 'Phantom 03' })).cases;
    await client.predictions.run({ caseId: other?.id ?? '' }); // The compute process begins with its first work.
    const wished = async (): Promise<Job | undefined> =>
      (await client.jobs.list()).jobs.find(
        ({ kind, priority, state }) => kind === 'predict' && priority === 'interactive' && state === 'running',
      );
    // It stands still while the prediction is asked for, so that this cannot be over before the kill.
    const doomed = compute();
    process.kill(doomed, 'SIGSTOP');
    await desk.button('Predict').click();
    await expect.poll(wished, { timeout: 50_000 }).toBeDefined();
    const jobId = (await wished())?.id ?? '';
    process.kill(doomed, 'SIGKILL');
    await desk.told(/The compute process is gone\. It was ended by SIGKILL\. No work of yours is lost\./);
    await desk.told(/was started again/);
    await expect
      .poll(async () => (await client.jobs.get({ jobId })).job, { timeout: 480_000 })
      .toMatchObject({ state: 'done', attempt: 2 });
    socket.close();
    await desk.page.getByRole('checkbox', { name: 'Prediction' }).and(desk.page.locator(':enabled')).waitFor();
  }, 900_000);

  it('of the compute process, silent: called so, and not a crash', async () => {
    const { desk } = tests;
    const before = (await desk.said()).length;
    const pid = compute();
    process.kill(pid, 'SIGSTOP');
    try {
      await desk.told(/does not answer; the app waits for it/, before);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect((await desk.said()).filter((text) => text.includes('compute process is gone'))).toHaveLength(1);
  });

  it('of the graphics process: the window is reloaded and says so', async () => {
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
    await desk.ready();
    await desk.caseIsOpen('Phantom 04');
    await desk.page.evaluate(() => {
      const { graphics } = window as unknown as { readonly graphics: RenderingContext[] };
      for (const context of graphics)
        if (context instanceof WebGL2RenderingContext) context.getExtension('WEBGL_lose_context')?.loseContext();
    });
    await desk.page
      .getByLabel('Messages')
      .getByText(/The graphics driver was reset/)
      .waitFor(); // stays until it is closed
    await desk.ready();
    await desk.caseIsOpen('Phantom 04');
  });

  it('of the window: its strokes are there', async () => {
    const { desk } = tests;
    await desk.page.keyboard.press('Digit1');
    await desk.page.keyboard.press('b');
    await desk.drag('axial', [
      [0.3, 0.45],
      [0.36, 0.5],
    ]);
    await desk.saved();
    await desk.historyIs(['Brush: Liver']);
    await desk.page.reload();
    await desk.ready();
    await desk.caseIsOpen('Phantom 04');
    expect((await desk.said()).filter((text) => text.includes('The window crashed'))).toEqual([]);
    const session = await desk.browser.context.newCDPSession(desk.page);
    const crashed = desk.page.waitForEvent('crash');
    void session.send('Page.crash').catch(() => undefined); // Nobody is left to answer.
    await crashed;
    await desk.anotherWindow();
    await desk.told(/The window crashed and was reopened/);
    await desk.caseIsOpen('Phantom 04');
    await desk.historyIs(['Brush: Liver']);
  });
});
