/// <reference types="svelte" />
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import '#test/support/windowGlobals.ts';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import { BulkAcceptance } from '#renderer/stores/bulkAcceptance.svelte.ts';

let host: TestStudio;
let cases: readonly { readonly caseId: string; readonly name: string }[];

/** Three cases with a mask that nobody has accepted, and one without. */
beforeEach(async () => {
  host = startStudio();
  await host.client.projects.create({ path: join(host.folder, 'project'), name: 'Bulk', labels: testLabels });
  await writePairs(join(host.folder, 'incoming'), 4, 3, [24, 20, 9]);
  await host.client.library.import({ sources: [join(host.folder, 'incoming')], masksAre: 'toCorrect' });
  cases = (await host.client.library.list({})).cases.map(({ id, name }) => ({ caseId: id, name }));
});
afterEach(() => host.close());

const looked = (bulk: BulkAcceptance) => expect.poll(() => bulk.looking, { timeout: 60_000 }).toBe(false);
const reasons = (bulk: BulkAcceptance) => bulk.cases.map((each) => bulk.reason(each, testLabels));
const acceptances = async () =>
  (await host.client.library.list({})).cases.map(({ acceptance, status }) => (status === 'accepted' ? acceptance : null));

/** Draws in a case as another window would; resolves with what closes it there. */
async function draw(caseId: string): Promise<() => Promise<unknown>> {
  const { session, mask, history } = await host.client.document.open({ caseId });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
  document.push('Dab', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-2, -12, 38], radius: 5 }, 2));
  await host.client.document.append({ caseId, session, sequence: 0, records });
  return () => host.client.document.close({ caseId, session });
}

it('shows the middle slices of each mask first, and accepts what was shown and nothing else', async () => {
  const [, second, third] = cases;
  const close = await draw(third?.caseId ?? '');
  const bulk = new BulkAcceptance(host.client, cases);
  await looked(bulk);
  expect(reasons(bulk)).toEqual([null, null, 'It is open in a window: accept it there, or close it first.', 'Its mask is empty.']);
  await close();
  const [first] = bulk.cases;
  expect(first?.preview?.slices.map(({ of, number, count }) => [of, number, count])).toEqual([[[1], 5, 9]]);
  const [slice] = first?.preview?.slices ?? [];
  expect([slice?.gray.length, slice?.mask.length]).toEqual([132 * 110, 132 * 110]);
  expect(new Set(slice?.mask)).toEqual(new Set([0, 1]));
  expect(new Set(slice?.gray).size).toBeGreaterThan(1);
  expect(bulk.ready.map(({ name }) => name)).toEqual(['case0', 'case1']);

  await (
    await draw(second?.caseId ?? '')
  )();
  await bulk.accept();
  expect(reasons(bulk).slice(0, 2)).toEqual([null, 'Its mask has changed since it was shown. Look at it again.']);
  expect(bulk.cases.map(({ accepted }) => accepted)).toEqual([true, false, false, false]);
  expect(await acceptances()).toEqual(['bulk', null, null, null]);

  bulk.allowEmpty = true;
  await bulk.look();
  bulk.choose(third?.caseId ?? '', false);
  expect(bulk.ready.map(({ name }) => name)).toEqual(['case1', 'case3']);
  await bulk.accept();
  expect(await acceptances()).toEqual(['bulk', 'bulk', null, 'bulk']);
  bulk.takePrediction(true);
  await looked(bulk);
  expect(reasons(bulk)).toEqual([null, null, 'It is not predicted.', null]);
  bulk.dispose();
});
