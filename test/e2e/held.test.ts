/** Two workstations on one project folder: real programs, real windows, by mouse and keys. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { connectClient, enter, launchWebHost, type RunningWebHost } from '../support/webHost.ts';
import { deskForTests, type Desk } from './driver.ts';

describe.skipIf(installedBrowser() === null)('a project that another workstation has open', () => {
  const tests = deskForTests({ script: true });
  let folder: string;
  let holder: RunningWebHost;
  let there: Awaited<ReturnType<typeof connectClient>>['client'];
  const project = (): string => join(folder, 'project');
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-two-'));
    await makeHandProject(folder);
    holder = await launchWebHost();
    there = (await connectClient(holder.origin, await enter(holder.address))).client;
    await there.projects.open({ path: project() });
  });
  afterAll(async () => {
    await holder.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  async function openByHand(desk: Desk): Promise<void> {
    await desk.go('start');
    await desk.button(/^Open a project/).click();
    await desk.browseTo('Open a project', project());
    await desk.page.getByRole('dialog', { name: 'Open a project' }).getByRole('button', { name: 'Choose', exact: true }).click();
  }
  const asked = (desk: Desk) => desk.page.getByRole('dialog', { name: 'This project is open elsewhere' });
  const bar = (desk: Desk) => desk.page.getByRole('status', { name: 'Read only' });
  const journals = (): number => readdirSync(project(), { recursive: true }).filter((name) => String(name).endsWith('.log')).length;
  const holds = new RegExp(`${userInfo().username} has it open on ${hostname()} since`);

  it('says who has it and since when, and is left alone by Cancel', async () => {
    const { desk } = tests;
    await openByHand(desk);
    await asked(desk)
      .getByText(new RegExp(`already open on ${hostname()} by ${userInfo().username} .*since`))
      .waitFor();
    await expect.poll(() => asked(desk).getByRole('button', { name: 'Open', exact: true }).isEnabled()).toBe(false);
    expect(await desk.findings()).toEqual([]);
    await asked(desk).getByRole('button', { name: 'Cancel' }).click();
    await asked(desk).waitFor({ state: 'detached' });
    expect(await desk.page.locator('.project').textContent()).toBe('No project');
  });

  it('is looked at beside it, and every way to change it is closed or refused in a sentence', async () => {
    const { desk } = tests;
    await openByHand(desk);
    await asked(desk).getByRole('button', { name: 'Open for reading alone' }).click();
    await bar(desk).getByText(holds).waitFor();
    for (const name of ['Import', 'Predict the rest']) expect(await desk.button(name).isDisabled()).toBe(true);
    const before = journals();
    await desk.openCase('patient 01');
    await desk.settled();
    // It scrolls, and shows what was predicted.
    const slice = await desk.slice('axial');
    await desk.page.keyboard.press('ArrowUp');
    await expect.poll(() => desk.slice('axial')).toBe(slice + 1);
    await desk.page.getByRole('checkbox', { name: 'Prediction' }).check();
    for (const name of ['Predict', 'Use prediction', 'Accept and next', 'Accept'])
      expect([name, await desk.button(name).isDisabled()]).toEqual([name, true]);
    const tool = (name: string) => desk.page.getByRole('toolbar', { name: 'Tools' }).getByRole('button', { name, exact: true });
    expect([await tool('Brush').isDisabled(), await tool('Crosshair').isDisabled()]).toEqual([true, false]);
    // The brush is in the hand from the beginning, and the keys are there: all of it is refused.
    const said = (await desk.said()).length;
    await desk.drag('axial', [
      [0.4, 0.4],
      [0.5, 0.5],
    ]);
    await desk.told(holds, said);
    await desk.page.mouse.move(1, 1);
    const refused = (await desk.said()).length;
    await desk.page.keyboard.press('Control+Enter');
    await desk.told(holds, refused);
    expect([await desk.history(), journals()]).toEqual([[], before]);
    expect(await desk.page.getByRole('alert', { name: 'Unsaved' }).count()).toBe(0);
  });

  it('is exported', async () => {
    const { desk } = tests;
    await desk.go('export');
    await desk.page.getByRole('textbox', { name: 'Destination' }).fill(join(folder, 'out'));
    await desk.button(/^Export/).click();
    await expect.poll(() => readdirSync(join(folder, 'out')).length, { timeout: 240_000 }).toBeGreaterThan(0);
    await desk.told(/2 of 2 files written and verified/);
  });

  it('shows what was done there when it is read again, with the case that is open', async () => {
    const { desk } = tests;
    await desk.openCase('patient 01');
    const { cases } = await there.library.list({ text: 'patient 02' });
    await there.library.update({ caseIds: [cases[0]?.id ?? ''], notes: 'from the other room' });
    await bar(desk).getByRole('button', { name: 'Read again' }).click();
    await desk.caseIsOpen('patient 01');
    await desk.go('cases');
    await desk.caseRow('from the other room').waitFor();
    const said = (await desk.said()).length;
    await desk.page.keyboard.press('Escape');
    await bar(desk).getByRole('button', { name: 'Open to work' }).click();
    await asked(desk).getByRole('button', { name: 'Close' }).click(); // Still held.
    expect((await desk.said()).slice(said)).toEqual([]);
  });

  it('is taken over once the other is gone, and corrected', async () => {
    const { desk } = tests;
    await desk.openCase('patient 01');
    await bar(desk).getByRole('button', { name: 'Open to work' }).click();
    await asked(desk).waitFor();
    const ended = new Promise((done) => holder.process.once('exit', done));
    holder.process.kill('SIGKILL');
    await ended;
    await asked(desk).getByText('It was closed there').waitFor();
    await asked(desk).getByRole('button', { name: 'Open', exact: true }).click();
    await bar(desk).waitFor({ state: 'detached' });
    await desk.caseIsOpen('patient 01');
    await desk.page.locator('[data-tool=brush]').click();
    await desk.drag('axial', [
      [0.6, 0.35],
      [0.7, 0.4],
    ]);
    await desk.historyIs([expect.stringMatching(/^Brush/) as unknown as string]);
    await desk.saved();
  });
});
