import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedProject } from '../support/acceptedProject.ts';
import { installedBrowser } from '../support/browser.ts';
import { writePromptNetwork } from '../support/promptNetwork.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('pointing that learns', () => {
  const tests = deskForTests();
  let root: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'logonet-pointing-'));
    const folder = await acceptedProject(root);
    const own = join(tests.desk.host.dataFolder, 'prompts');
    mkdirSync(own, { recursive: true });
    await writePromptNetwork(own);
    await tests.desk.showProject(folder);
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true, maxRetries: 20 });
  });
  const panel = () => tests.desk.page.getByRole('region', { name: 'Pointing' });

  it('says who answers, learns in the background, is used or not as the person likes, and goes back', async () => {
    const { desk } = tests;
    await desk.go('train');
    await expect.poll(() => panel().textContent()).toContain('Point asks the network of this computer');
    expect(await panel().getByLabel('Improve pointing after each improvement').isChecked()).toBe(true);
    await desk.page.getByRole('radio', { name: 'Custom' }).click();
    await desk.page.getByLabel('Minutes', { exact: true }).fill('1');
    await desk.page.getByLabel('Minutes', { exact: true }).blur();
    await expect.poll(() => desk.page.locator('.plan').textContent()).not.toBe('');
    const follows = panel().getByLabel('Improve pointing after each improvement');
    for (const checked of [false, true]) {
      await follows.click();
      expect(await follows.isChecked()).toBe(checked);
    }
    // Given up, it leaves what answers as it is.
    const { client, socket } = await desk.client();
    await panel().getByRole('button', { name: 'Improve pointing now' }).click();
    await panel().getByRole('button', { name: 'Cancel pointing' }).click();
    await panel().getByRole('button', { name: 'Improve pointing now' }).waitFor({ timeout: 240_000 });
    expect((await client.jobs.list({})).jobs).toMatchObject([{ kind: 'improvePrompts', state: 'cancelled' }]);
    socket.close();
    await panel().getByRole('button', { name: 'Improve pointing now' }).click();
    await panel().getByRole('progressbar').waitFor();
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('train-pointing');
    await panel().getByRole('button', { name: 'Improve pointing now' }).waitFor({ timeout: 480_000 });
    const isUsed = (await panel().textContent())?.includes('Point asks a network of this project') === true;
    if (!isUsed) await panel().getByRole('button', { name: 'Use it anyway' }).click();
    await expect.poll(() => panel().textContent()).toContain('Point asks a network of this project');
    await panel().getByRole('button', { name: 'Back to what answered before' }).click();
    await expect.poll(() => panel().textContent()).toContain('Point asks the network of this computer');
  });
});
