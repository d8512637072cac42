import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBrowser } from '../support/browser.ts';
import { makeHandProject } from '../support/handProject.ts';
import { deskForTests } from './driver.ts';

interface Held {
  readonly megabytes: number;
  readonly programs: number;
}

describe.skipIf(installedBrowser() === null)('a case that is left', () => {
  const tests = deskForTests();
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-leaves-'));
    await makeHandProject(folder);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('leaves nothing of itself in memory, nor shaders on the graphics card', { timeout: 600_000 }, async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.showProject(join(folder, 'project'));
    await page.evaluate(() => {
      const live = { programs: 0 };
      Object.assign(window, { live });
      const { prototype } = WebGL2RenderingContext;
      const { createProgram, deleteProgram } = prototype;
      Object.assign(prototype, {
        createProgram(this: WebGL2RenderingContext) {
          live.programs++;
          return createProgram.call(this);
        },
        deleteProgram(this: WebGL2RenderingContext, program: WebGLProgram | null) {
          if (program !== null) live.programs--;
          deleteProgram.call(this, program);
        },
      });
    });
    const session = await page.context().newCDPSession(page);
    const held = async (): Promise<Held> => {
      await session.send('HeapProfiler.collectGarbage');
      const { usedSize } = await session.send('Runtime.getHeapUsage');
      const live = await page.evaluate(() => (window as unknown as { readonly live: Omit<Held, 'megabytes'> }).live);
      return { megabytes: usedSize / 2 ** 20, ...live };
    };
    const visit = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n++) {
        await desk.openCase('patient 01');
        await desk.settled();
        await desk.go('cases');
      }
    };
    await visit(3);
    const before = await held();
    await visit(5);
    const after = await held();
    expect(after.megabytes - before.megabytes).toBeLessThan(5);
    expect(after.programs - before.programs).toBeLessThan(5);
  });
});
