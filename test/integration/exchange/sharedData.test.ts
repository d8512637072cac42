import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { createProject, latestMaskRevision, listCases, listLabelSources } from '#main/library/index.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';

/** Made with nibabel by countLabels.py beside it. */
const expected = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/expected/counts.json'), 'utf8')) as Record<
  string,
  { readonly cases: number; readonly masks: number; readonly voxels: Readonly<Record<string, number>> }
>;

describe('real data sets come in as nibabel counts them', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'logonet-shared-'));
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  for (const [name, wanted] of Object.entries(expected))
    it.skipIf(!hasSharedData(name))(name, { timeout: 900_000 }, async () => {
      const project = createProject(join(root, name), { name, labelSet: { labels: [] }, author: 'test' });
      try {
        const options = { cancellation: neverCancelled, report: ignoreProgress };
        const { added, masks, skipped } = await importCases(project, [join(sharedData, name)], { mode: 'reference', ...options });
        // Further channels, and a second mask of an image (scribbles), are the only files that are not used.
        expect(skipped.filter(({ message }) => !/a further channel|Another mask of the same image/.test(message))).toEqual([]);
        expect([added.length, masks]).toEqual([wanted.cases, wanted.masks]);
        const voxels: Record<string, number> = {};
        for (const { id } of listCases(project.read, { limit: 1000 }).cases)
          for (const [value, count] of Object.entries(latestMaskRevision(project.read, id)?.voxels ?? {})) {
            const source = listLabelSources(project.read).find((label) => label.value === Number(value))?.sourceValue ?? value;
            voxels[source] = (voxels[source] ?? 0) + count;
          }
        expect(voxels).toEqual(wanted.voxels);
        expect(skipped.every(({ path }) => existsSync(path))).toBe(true);
      } finally {
        project.close();
      }
    });
});
