/// <reference types="svelte" />
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { Studio } from '#renderer/stores/studio.svelte.ts';
import { acceptedProject } from '#test/support/acceptedProject.ts';
import { writePromptNetwork } from '#test/support/promptNetwork.ts';
import { startStudio, testLabels, type TestStudio } from '#test/support/studio.ts';

describe('the prompt network of a computer', () => {
  let app: TestStudio;
  const input = new Uint8Array(4 * promptChannels.length * 16 ** 3);

  beforeAll(() => {
    app = startStudio();
  });
  afterAll(() => app.close());

  it('answers in an open project, through the compute process', async () => {
    const own = join(app.folder, 'data', 'prompts');
    mkdirSync(own, { recursive: true });
    await writePromptNetwork(own);
    expect(await app.client.prompts.network()).toEqual({ side: 16 });
    await expect(app.client.prompts.ask({ input })).rejects.toMatchObject({ code: 'conflict' });
    await app.client.projects.create({ path: join(app.folder, 'project'), name: 'x', labels: testLabels });
    expect((await app.client.prompts.ask({ input })).chance).toHaveLength(16 ** 3);
    await expect(app.client.prompts.ask({ input: input.subarray(8) })).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('is what a project has until it has one of its own', async () => {
    const { prompts } = app.client;
    expect(await prompts.lessons()).toEqual({ lessons: [] });
    expect(await prompts.versions()).toEqual({ from: 'computer', inUse: null, knows: [], canGoBack: false, versions: [] });
    await expect(prompts.improve({ budget: { kind: 'steps', steps: 1 } })).rejects.toMatchObject({ code: 'conflict' });
    await expect(prompts.use({ version: 'none' })).rejects.toMatchObject({ code: 'not-found' });
    await expect(prompts.takeBack()).rejects.toMatchObject({ code: 'conflict' });
  });

  it('learns behind an improvement of the model, unless the person does not want that', { timeout: 300_000 }, async () => {
    await app.client.projects.open({ path: await acceptedProject(join(app.folder, 'accepted')) });
    const studio = new Studio(app.client);
    const training = studio.training;
    const kinds = async (): Promise<string[]> => {
      training.budget = 'minutes';
      await training.replan();
      await training.improve();
      const { jobs } = await app.client.jobs.list({});
      for (const { id } of jobs) await app.client.jobs.cancel({ jobId: id }).catch(() => undefined);
      return jobs.map(({ kind, title }) => `${kind}: ${title}`);
    };
    expect((await kinds()).sort()).toEqual(['improve: Improve the model (5 min)', 'improvePrompts: Improve pointing (1 min)']);
    await app.client.jobs.planNight({ ...(await app.client.jobs.night()).plan, pointing: false });
    expect((await kinds()).filter((title) => title.startsWith('improvePrompts'))).toHaveLength(1);
    expect(studio.activities.messages.filter(({ tone }) => tone === 'error')).toEqual([]);
  });
});
