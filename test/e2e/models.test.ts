import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { writeTinyFolder } from '../support/nnunetFolder.ts';
import { deskForTests } from './driver.ts';

describe.skipIf(installedBrowser() === null)('models that come from elsewhere', () => {
  const tests = deskForTests();
  const folder = mkdtempSync(join(tmpdir(), 'logonet-models-'));
  const at = (...parts: string[]): string => join(folder, ...parts);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 }); // The host still has the project.
  });

  it('are imported by hand, kept on this computer, taken into another project and removed', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const { client, socket } = await desk.client();
    await writeTinyFolder(at('nnunet'), { kind: 'plain', folds: 1 });
    await client.projects.create({ path: at('First'), name: 'First', labels: [] });
    await desk.go('models');
    await desk.button('Import a model').click();
    const title = 'Model: a folder with model.json';
    await desk.browseTo(title, at('nnunet'));
    await page.getByRole('dialog', { name: title }).getByRole('button', { name: 'Choose', exact: true }).click();
    const card = page.getByRole('region', { name: 'Model card' });
    await card.getByText('CC0').waitFor();
    expect((await client.models.list()).models).toMatchObject([{ promoted: true }]);
    await desk.button('Keep on this computer').click();
    const shelf = page.getByRole('region', { name: 'On this computer' });
    await shelf.getByText(/licence: CC0/).waitFor();
    expect(await desk.findings()).toEqual([]);

    // A second one, and both as one: by the order in which they are chosen.
    await writeTinyFolder(at('bones'), { kind: 'residual', labels: ['rib', 'skull'], dataset: 'Dataset998_Bones', seed: 3 });
    await desk.button('Import').click();
    await desk.browseTo(title, at('bones'));
    await page.getByRole('dialog', { name: title }).getByRole('button', { name: 'Choose', exact: true }).click();
    await desk.button('Join').click();
    const joining = page.getByRole('region', { name: 'Join models' });
    await joining.getByLabel(/Bones/).check();
    await joining.getByLabel(/Tiny/).check();
    await joining.getByRole('button', { name: 'Join 2' }).click();
    await card.getByText('Dataset998_Bones (nnU-Net), Dataset999_Tiny (nnU-Net)').waitFor();
    await card.getByText('a later one is written over an earlier one').waitFor();
    expect(await desk.findings()).toEqual([]);

    await client.projects.create({ path: at('Second'), name: 'Second', labels: [] });
    await desk.go('models');
    await shelf.getByRole('button', { name: /^Use in this project/ }).click();
    await card.getByText('CC0').waitFor();
    const [model] = (await client.models.list()).models;
    expect(existsSync(at('Second', 'models', model?.id ?? '', 'weights.safetensors'))).toBe(true);
    await shelf.getByRole('button', { name: /^Remove from this computer/ }).click();
    await shelf.getByRole('button', { name: /^Remove for good/ }).click();
    await shelf.waitFor({ state: 'detached' });
    expect((await client.models.shelf()).models).toEqual([]);
    expect((await client.models.list()).models).toHaveLength(1);
    socket.close();
    expect(desk.errors).toEqual([]);
  });
});
