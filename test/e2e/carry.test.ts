import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { writeCase } from '../support/exchange.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('projects that travel and meet', () => {
  const tests = deskForTests();
  const folder = mkdtempSync(join(tmpdir(), 'logonet-carry-'));
  const at = (...parts: string[]): string => join(folder, ...parts);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 }); // The host still has the project.
  });

  it('are packed, unpacked, and compared with a second reading', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const { client, socket } = await desk.client();
    const make = async (name: string, labels: readonly (readonly [number, string])[]): Promise<void> => {
      await client.projects.create({ path: at(name), name, labels: [] });
      await writeCase(at(`${name}-in`), 'one', 1, labels);
      await client.library.import({ sources: [at(`${name}-in`)] });
    };
    await make('Other', [
      [2, 'Liver'],
      [1, 'Spleen'],
    ]);
    await make('Mine', [
      [1, 'Liver'],
      [3, 'Kidney'],
    ]);

    // Packed from the first screen.
    await desk.go('start');
    await desk.button(/^Carry “Mine”/).click();
    const pack = page.getByRole('dialog', { name: 'Carry to another computer' });
    expect(await pack.getByRole('textbox', { name: /^Folder of the file/ }).inputValue()).toBe(folder);
    expect(await pack.getByRole('textbox', { name: 'Name of the file' }).inputValue()).toBe('Mine.logonet');
    // Given up while it is under way: no file is left.
    const host = desk.host.process.pid ?? 0;
    process.kill(host, 'SIGSTOP');
    try {
      await pack.getByRole('button', { name: 'Pack', exact: true }).click();
      await pack.getByRole('button', { name: 'Cancel' }).click();
      await pack.waitFor({ state: 'detached' });
    } finally {
      process.kill(host, 'SIGCONT');
    }
    expect((await client.projects.current()).project?.path).toBe(at('Mine'));
    await expect.poll(() => readdirSync(folder).filter((name) => name.includes('.logonet'))).toEqual([]);
    await desk.button(/^Carry “Mine”/).click();
    await pack.getByRole('button', { name: 'Pack', exact: true }).click();
    await pack.getByText(/Mine\.logonet holds \d+ files/).waitFor();
    expect(existsSync(at('Mine.logonet'))).toBe(true);
    await pack.getByRole('button', { name: 'Pack', exact: true }).click();
    await pack.getByRole('alert').waitFor(); // Nothing is replaced unasked.
    expect(await desk.findings()).toEqual([]);
    await pack.getByRole('button', { name: 'Close' }).last().click();

    // Unpacked elsewhere.
    await desk.button('Open a packed project…').click();
    await desk.browseTo('Open a packed project', folder);
    const browser = page.getByRole('dialog', { name: 'Open a packed project' });
    await browser.getByRole('checkbox', { name: 'Choose Mine.logonet' }).check();
    await browser
      .getByRole('button', { name: /^Choose/ })
      .last()
      .click();
    const unpack = page.getByRole('dialog', { name: 'Unpack a project' });
    // Given up while it is under way: nothing is left, and what was open still is.
    await unpack.getByRole('textbox', { name: /^Name of the project/ }).fill('Given up');
    process.kill(host, 'SIGSTOP');
    try {
      await unpack.getByRole('button', { name: 'Unpack and open' }).click();
      await unpack.getByRole('button', { name: 'Cancel' }).click();
      await unpack.waitFor({ state: 'detached' });
    } finally {
      process.kill(host, 'SIGCONT');
    }
    expect((await client.projects.current()).project?.path).toBe(at('Mine'));
    await expect.poll(() => existsSync(at('Given up'))).toBe(false);
    await desk.button('Open a packed project…').click();
    await desk.browseTo('Open a packed project', folder);
    await browser.getByRole('checkbox', { name: 'Choose Mine.logonet' }).check();
    await browser
      .getByRole('button', { name: /^Choose/ })
      .last()
      .click();
    await unpack.getByRole('textbox', { name: /^Name of the project/ }).fill('Mine elsewhere');
    await unpack.getByRole('button', { name: 'Unpack and open' }).click();
    await page.locator('[data-workspace=cases][aria-current=page]').waitFor();
    await desk.caseRow('one').waitFor();
    expect((await client.projects.current()).project?.path).toBe(at('Mine elsewhere'));

    // A second reading.
    await desk.button('Second readings').click();
    const readings = page.getByRole('dialog', { name: 'Second readings' });
    await readings.getByText('There is no second reading yet.').waitFor();
    await readings.getByRole('textbox', { name: 'Reader' }).fill('Berta');
    await readings.getByRole('button', { name: "Add a reader's project…" }).click();
    await desk.browseTo('The other reader’s project', at('Other'));
    await page.getByRole('dialog', { name: 'The other reader’s project' }).getByRole('button', { name: 'Choose', exact: true }).click();
    await readings
      .getByRole('table', { name: 'Agreement by case' })
      .getByText(/Liver 1\.000/)
      .waitFor();
    expect(await desk.findings()).toEqual([]);
    await readings.getByRole('button', { name: 'Take the mask of Berta for one' }).click();
    await readings.getByText(/newest revision of the case now/).waitFor();
    await readings.getByRole('button', { name: 'Close' }).last().click();
    socket.close();
    expect(desk.errors).toEqual([]);
  });
});
