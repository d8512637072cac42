import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedProject, patientName } from '../support/acceptedProject.ts';
import { installedBrowser } from '../support/browser.ts';
import { writeCase } from '../support/exchange.ts';
import { deskForTests } from './driver.ts';

const clock = (at: Date): string => `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
const minute = 60_000;

describe.skipIf(installedBrowser() === null)('what a project does by itself', () => {
  const tests = deskForTests({ script: true });
  let root: string;
  let folder: string;
  /** As one that a PACS exports to. */
  const pacs = (...parts: string[]): string => join(root, 'pacs', ...parts);
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'logonet-night-'));
    folder = await acceptedProject(root);
    await tests.desk.showProject(folder);
    await writeCase(pacs(), 'one', 1, []);
    await tests.desk.bring(pacs());
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true, maxRetries: 20 });
  });
  const tonight = () => tests.desk.page.getByRole('region', { name: 'Tonight' });

  it('is planned for an hour', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    // Devices are looked for when they are first asked for, which takes longer than the plan.
    await desk.page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { saidOfDevices: said });
      new MutationObserver(() => {
        for (const { textContent } of document.querySelectorAll('.plan p'))
          if (/^Starts from/.test(textContent)) said.push(textContent.trim());
      }).observe(document, { childList: true, subtree: true, characterData: true });
    });
    await desk.go('train');
    await desk.page.getByText(/^Starts from .*; runs on /).waitFor();
    const said = await desk.page.evaluate(() => (window as unknown as { readonly saidOfDevices: readonly string[] }).saidOfDevices);
    const known = said.at(-1) ?? '';
    expect(said.filter((text) => text !== known && text !== known.replace(/; runs on .*/, '.'))).toEqual([]);
    await tonight().getByLabel('Every day at a set time').check();
    await tonight().getByLabel('When nobody has been here for a while').check();
    await tonight().getByLabel('Minutes away').fill('600');
    await tonight().getByLabel('Takes up to').selectOption('1 hour');
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('train-tonight');
    await tonight()
      .getByLabel('Begins at')
      .fill(clock(new Date(Date.now() + minute)));
    await expect.poll(async () => (await client.jobs.night()).plan).toMatchObject({ minutes: 60, awayMinutes: 600 });
    socket.close();
  });

  // The hour and a quiet folder take half a minute and more: both are waited for at once.
  it('offers what comes into the folder that it watches, meanwhile', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const { client, socket } = await desk.client();
    await desk.go('settings');
    await desk.button('Choose').click();
    await desk.browseTo('Watch a folder', pacs());
    await page.getByRole('dialog', { name: 'Watch a folder' }).getByRole('button', { name: 'Choose', exact: true }).click();
    await desk.button('Stop watching').waitFor();
    expect((await client.library.watched()).folder).toBe(pacs());
    await writeCase(pacs('later'), 'two', 2, []);
    await desk.go('cases');
    await page.getByText(/new files? in the watched folder/).waitFor({ timeout: 120_000 });
    await desk.button('Look at the plan').click();
    const plan = page.getByRole('dialog', { name: 'What will be imported' });
    await plan.getByRole('button', { name: 'Import', exact: true }).click();
    await desk.caseRow('two').waitFor();
    await writeCase(pacs('latest'), 'three', 3, []);
    socket.close();
  });

  it('begins at the hour that was set, and waits while the person corrects', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    const night = async () => (await client.jobs.list({})).jobs.find(({ kind }) => kind === 'improve');
    await expect.poll(async () => (await night())?.phase, { timeout: 480_000 }).toBe('Training');

    await desk.openCase(`${patientName}-0`);
    await desk.page.locator('[data-tool=brush]').click();
    await desk.drag('axial', [
      [0.4, 0.4],
      [0.6, 0.6],
    ]);
    await expect.poll(async () => (await night())?.state, { timeout: 240_000 }).toBe('paused');
    expect(await night()).toMatchObject({ canResume: true });
    await desk.page
      .getByLabel('Messages')
      .getByRole('button', { name: /^Improve the model/ })
      .click();
    await desk.page.locator('[data-workspace=train][aria-current=page]').waitFor();
    await desk.button('Cancel').click();
    await expect.poll(async () => (await night())?.state, { timeout: 240_000 }).toBe('cancelled');
    // What was cancelled goes on from its checkpoint.
    await desk.button('Resume').click();
    await expect.poll(async () => (await night())?.state, { timeout: 240_000 }).toMatch(/^(queued|running|paused)$/);
    await desk.button('Cancel').click();
    await expect.poll(async () => (await night())?.state, { timeout: 240_000 }).toBe('cancelled');
    socket.close();
  });

  it('tells nothing again of what is not wanted, and watches no longer', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    await desk.go('cases');
    await desk.button('Not these').click({ timeout: 120_000 });
    await expect.poll(async () => (await client.library.watched()).arrived).toBeNull();
    await desk.go('settings');
    await desk.button('Stop watching').click();
    await expect.poll(async () => (await client.library.watched()).folder).toBeNull();
    expect((await client.library.list({ text: 'three' })).total).toBe(0);
    socket.close();
  });

  it('is planned in Settings as well, also after a start of the program', async () => {
    const { desk } = tests;
    await desk.restartHost();
    const { client, socket } = await desk.client();
    await client.projects.open({ path: folder });
    await desk.page.reload();
    await desk.ready();
    await desk.go('settings');
    const plan = desk.page.getByRole('region', { name: 'Improve by itself', exact: true });
    await expect.poll(() => plan.getByLabel('Every day at a set time').isChecked()).toBe(true);
    await plan.getByLabel('When nobody has been here for a while').uncheck();
    await expect.poll(async () => (await client.jobs.night()).plan.awayMinutes).toBe(null);
    socket.close();
  });

  it('says first what was missed while the program was closed, until it is seen', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    await client.projects.close();
    const file = join(folder, 'night.json');
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { plan: object };
    // As if it had been planned long ago, for a minute before now.
    const at = clock(new Date(Date.now() - minute));
    writeFileSync(file, JSON.stringify({ ...kept, plan: { ...kept.plan, at }, handled: 0, jobId: null }));
    await client.projects.open({ path: folder });
    await desk.page.reload();
    await desk.ready();
    await desk.page.locator('[data-workspace=train][aria-current=page]').waitFor();
    const away = desk.page.getByRole('region', { name: 'While you were away' });
    await away.getByText(`planned for ${at} did not run`).waitFor();
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('train-morning');
    await away.getByRole('button', { name: 'Seen' }).click();
    await away.waitFor({ state: 'detached' });
    await expect.poll(async () => (await client.jobs.night()).report).toBe(null);
    socket.close();
    expect(desk.errors).toEqual([]);
  });
});
