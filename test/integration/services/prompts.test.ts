import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptChannels } from '#shared/prompts/networkInput.ts';
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
});
