import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import type { LabelledCase } from '#shared/domain/trainingCase.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { structuresToMeasure } from '#main/jobs/tasks/promptCases.ts';
import { gridOf } from '../prompts/phantom.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-pointed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const size: Triple = [8, 8, 4];
const grid = gridOf(size, [1, 1, 1]);

/** With so many labels, of a voxel each. */
async function writeCase(name: string, labels: number): Promise<LabelledCase> {
  const [image, mask] = [join(folder, `${name}.nrrd`), join(folder, `${name}-mask.nrrd`)];
  await writeVolume(image, { grid, data: Float32Array.from({ length: 256 }, (_, at) => at) });
  await writeVolume(mask, { grid, data: Uint8Array.from({ length: 256 }, (_, at) => (at < labels ? at + 1 : 0)) });
  return { name, image, labels: mask };
}

describe('structures that are pointed out in held-out cases', () => {
  it('are 24 at most, others in each case, of those that are meant, and not of a case that cannot be read', async () => {
    const cases = [await writeCase('first', 40), await writeCase('broken', 3), await writeCase('last', 40)];
    writeFileSync(join(folder, 'broken-mask.nrrd'), 'no mask');
    const alarms: string[] = [];
    const work = { cancellation: neverCancelled, alarm: (_: string, message: string) => void alarms.push(message) };
    const found = async (isMeant?: (name: string) => boolean): Promise<Record<string, number[]>> => {
      const own: Record<string, number[]> = {};
      const wanted = isMeant === undefined ? undefined : ({ name }: { readonly name: string }) => isMeant(name);
      for await (const { from, structures } of structuresToMeasure(cases, {}, work, wanted)) {
        own[from.name] = structures.map(({ name }) => Number(name.replace('Label ', '')));
        for (const { name, truth } of structures) expect(`Label ${String(truth.data.indexOf(1) + 1)}`).toBe(name);
      }
      return own;
    };
    const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, n) => ((first + n) % 40) + 1);
    expect(await found()).toEqual({ first: from(0, 8), last: from(32, 16) });
    expect(alarms).toEqual([expect.stringMatching(/^broken is left out/)]);
    expect(await found((name) => ['Label 2', 'Label 7'].includes(name))).toEqual({ first: [2, 7], last: [2, 7] });
  });
});
