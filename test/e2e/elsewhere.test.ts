import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { programHere } from '#main/jobs/submit/target.ts';
import { quoted } from '#main/jobs/submit/quoted.ts';
import { installedBrowser } from '../support/browser.ts';
import { makeSmallDemo } from '../support/smallDemo.ts';
import { deskForTests } from './driver.ts';

const worker = [...programHere(), 'worker'].map(quoted).join(' ');

describe.skipIf(installedBrowser() === null)('another computer', () => {
  const tests = deskForTests({ script: true });

  it('is named in the settings and tried there', { timeout: 600_000 }, async () => {
    const { desk } = tests;
    await desk.showProject(await makeSmallDemo(join(desk.host.dataFolder, 'demo')));
    await desk.go('settings');
    const section = desk.page.getByRole('region', { name: 'Other computers' });
    const command = section.getByRole('textbox', { name: 'Queue or command' });
    await section.getByRole('textbox', { name: 'Shared folder' }).fill(join(desk.host.dataFolder, 'shared'));
    await command.fill('false');
    await command.press('Enter');
    await section.getByRole('button', { name: 'Try it' }).click();
    await section.getByText(/no worker answered \(exit code 1\)/).waitFor();
    await command.fill(worker);
    await command.press('Enter');
    await section.getByRole('button', { name: 'Try it' }).click();
    await section.getByText(/answers with LoGoNet Studio .* reads and writes the folder/).waitFor({ timeout: 120_000 });
  });

  it('takes an improvement over, and gives it back when it is cancelled', { timeout: 900_000 }, async () => {
    const { desk } = tests;
    await desk.go('train');
    await desk.page.getByRole('checkbox', { name: /^On another computer/ }).check();
    await desk.button('Improve').click();
    await desk.page
      .getByText(/ on \S+ ·/)
      .first()
      .waitFor({ timeout: 240_000 });
    expect(readdirSync(join(desk.host.dataFolder, 'shared'))).toHaveLength(1);
    await desk.button('Cancel').click();
    await desk.button('Resume').waitFor({ timeout: 240_000 });
  });
});
