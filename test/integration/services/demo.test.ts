import { Worker } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { startStudio, type TestStudio } from '../../support/studio.ts';

let studio: TestStudio | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await studio?.close();
});

it('a cancelled demo project ends its thread once, however long that takes', async () => {
  const end = Object.getOwnPropertyDescriptor(Worker.prototype, 'terminate')?.value as Worker['terminate'];
  const asked = vi.spyOn(Worker.prototype, 'terminate').mockImplementation(async function slowly(this: Worker) {
    await new Promise((done) => { setTimeout(done, 700); });
    return end.call(this);
  });
  studio = startStudio();
  const controller = new AbortController();
  const answer = studio.client.projects.demo({}, { signal: controller.signal });
  // At once: the thread needs a second for its phantoms, and has not even begun.
  controller.abort();
  await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
  // The answer came when the thread had ended.
  expect(asked).toHaveBeenCalledTimes(1);
  expect(asked.mock.settledResults[0]?.type).toBe('fulfilled');
});
