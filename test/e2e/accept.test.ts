import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMaskFile } from '#main/document/index.ts';
import { listCases, latestPrediction, listMaskRevisions, openProjectReadOnly } from '#main/library/index.ts';
import { installedBrowser } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { deskForTests } from './driver.ts';

const predicted = 'patient 02';

describe.skipIf(installedBrowser() === null)('a case that was predicted but not corrected', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-accept-'));
    await makeHandProject(folder);
    const { client, socket } = await tests.desk.client();
    await client.projects.open({ path: join(folder, 'project') });
    const [other] = (await client.library.list({ text: 'mirrored' })).cases;
    await client.library.update({ caseIds: [other?.id ?? ''], status: 'inCorrection' });
    socket.close();
    await tests.desk.page.reload();
    await tests.desk.ready();
    await tests.desk.openCase(predicted);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  /** Voxels of the prediction and of the masks that were accepted, newest first, as they lie on disk. */
  async function onDisk(name = predicted) {
    const project = openProjectReadOnly(join(folder, 'project'));
    try {
      const caseId = listCases(project.read, { text: name }).cases[0]?.id ?? '';
      const found = latestPrediction(project.read, caseId);
      const read = async (path: string) => (await readMaskFile(project.paths.inside(path))).data;
      return {
        prediction: found === undefined ? null : await read(found.path),
        revisions: await Promise.all(listMaskRevisions(project.read, caseId).map(({ path }) => read(path))),
        accepted: listMaskRevisions(project.read, caseId).map(({ acceptance }) => acceptance),
      };
    } finally {
      project.close();
    }
  }
  const ask = () => tests.desk.page.getByRole('dialog', { name: 'Accept an empty mask?' });
  const answer = (name: string) => ask().getByRole('button', { name, exact: true }).click();

  it('asks, and goes on being corrected', async () => {
    const { desk } = tests;
    await desk.button('Accept').click();
    await ask().waitFor();
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('accept-asked');
    await answer('Go on correcting');
    await ask().waitFor({ state: 'detached' });
    expect((await onDisk()).revisions).toEqual([]);
    expect(await desk.said()).not.toContainEqual(expect.stringMatching(/^Accepted/));
  });

  const unseen = () => tests.desk.page.getByRole('dialog', { name: 'Accept without looking?' });

  it('takes the prediction where that is chosen, as a step, once each of its labels was looked at', async () => {
    const { desk } = tests;
    await desk.page.getByRole('button', { name: 'Hide Right kidney' }).click();
    await desk.button('Accept').click();
    await answer('Accept the prediction');
    await unseen().waitFor();
    await desk.historyIs(['Use the prediction']);
    expect(await unseen().locator('strong').textContent()).toMatch(/Right kidney/);
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('accept-unseen');
    expect((await onDisk()).revisions).toEqual([]);
    let asked = 0;
    for (; (await unseen().count()) > 0; asked++) {
      const before = await unseen().locator('strong').textContent();
      await unseen().getByRole('button', { name: 'Show next unseen label' }).click();
      await unseen().waitFor({ state: 'detached' });
      await desk.settled();
      const said = (await desk.said()).length;
      await desk.button('Accept').click();
      await expect
        .poll(async () => (await unseen().count()) > 0 || (await desk.said()).slice(said).some((text) => text.startsWith('Accepted.')))
        .toBe(true);
      if ((await unseen().count()) > 0) expect(await unseen().locator('strong').textContent()).not.toBe(before);
    }
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(4);
    await desk.page.locator('.case .status').getByText('Accepted').waitFor();
    const { prediction, revisions, accepted } = await onDisk();
    expect(revisions.map((mask) => Buffer.compare(mask as Uint8Array, prediction as Uint8Array))).toEqual([0]);
    expect(accepted).toEqual(['reviewed']);
  });

  it('is accepted again when every stroke since is taken back', async () => {
    const { desk } = tests;
    const status = (text: string) => desk.page.locator('.case .status').getByText(text, { exact: true }).waitFor();
    await desk.page.keyboard.press('b');
    await desk.drag('axial', [
      [0.4, 0.4],
      [0.6, 0.5],
    ]);
    await status('In correction');
    await desk.page.keyboard.press('Control+z');
    await status('Accepted');
    await desk.page.keyboard.press('Control+Shift+z');
    await status('In correction');
    await desk.page.keyboard.press('Control+z');
    await status('Accepted');
    expect((await onDisk()).accepted).toEqual(['reviewed']);
  });

  it('is kept empty where that is chosen, and the next case opens', async () => {
    const { desk } = tests;
    await desk.page.keyboard.press('Control+z');
    await desk.saved();
    await desk.button('Accept and next').click();
    await answer('Accept as empty');
    await desk.caseIsOpen('mirrored');
    const { revisions } = await onDisk();
    expect(revisions.map((mask) => mask.some((value) => value !== 0))).toEqual([false, true]);
    expect((await onDisk()).accepted).toEqual(['reviewed', 'reviewed']); // There was nothing in it to look at.
    expect([desk.errors, await desk.failures()]).toEqual([[], []]);
  });

  it('that was not looked at says so once it is accepted all the same', async () => {
    const { desk } = tests;
    await desk.button('Accept').click();
    await unseen().getByRole('button', { name: 'Accept anyway' }).click();
    await desk.told(/marked as not looked at/);
    await desk.go('cases');
    await desk.caseRow('mirrored').getByText('Accepted, not looked at').waitFor();
    expect((await onDisk('mirrored')).accepted).toEqual(['unseen', 'imported']);
    expect([desk.errors, await desk.failures()]).toEqual([[], []]);
  });

  it('is accepted in bulk with others once the middle slices of all of them were shown', async () => {
    const { desk } = tests;
    const { client, socket } = await desk.client();
    const ids = (await client.library.list({})).cases.filter(({ status }) => status === 'accepted').map(({ id }) => id);
    await client.library.update({ caseIds: ids, status: 'inCorrection' });
    socket.close();
    await desk.caseRow('mirrored').getByText('In correction').waitFor();
    await desk.caseRow('mirrored').click();
    await desk.caseRow(predicted).click({ modifiers: ['Control'] });
    await desk.button('Accept').click();
    const dialog = desk.page.getByRole('dialog', { name: 'Accept 2 cases in bulk' });
    // The case that is open in the window is not taken from it.
    await dialog
      .getByRole('listitem')
      .filter({ hasText: 'mirrored' })
      .getByText(/open in a window/)
      .waitFor();
    await dialog.getByRole('listitem').filter({ hasText: predicted }).getByText('Its mask is empty').waitFor();
    await dialog.getByLabel('Take the prediction where nobody has corrected').check();
    await dialog
      .getByRole('listitem')
      .filter({ hasText: predicted })
      .getByRole('img', { name: /the middle of .*Liver/ })
      .waitFor();
    expect(await desk.findings()).toEqual([]);
    await desk.screenshot('accept-many');
    await dialog.getByRole('button', { name: 'Accept 1 case', exact: true }).click();
    await dialog.getByText('Accepted in bulk').waitFor();
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await desk.caseRow(predicted).getByText('Accepted in bulk').waitFor();
    const { prediction, revisions, accepted } = await onDisk();
    expect(accepted[0]).toBe('bulk');
    expect(Buffer.compare(revisions[0] as Uint8Array, prediction as Uint8Array)).toBe(0);
    expect([desk.errors, await desk.failures()]).toEqual([[], []]);
  });
});
