import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';

const folder = mkdtempSync(join(tmpdir(), 'model-'));
let card: ModelCard;
beforeAll(async () => {
  card = await writeTinyModel(folder);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const architecture = (more: object): object => ({ ...card, architecture: { ...card.architecture, ...more } });

/** What loading says of another card beside the same weights; `undefined` where it loads. */
async function said(other: unknown): Promise<string | undefined> {
  writeFileSync(join(folder, 'model.json'), typeof other === 'string' ? other : JSON.stringify(other));
  return loadModel(folder).then(
    () => undefined,
    (error: unknown) => {
      expect(error).toMatchObject({ name: 'StudioError', code: 'invalid-file' });
      return (error as Error).message.replace(folder, 'F');
    },
  );
}

it('a model card says within which slices intensities count, and that left and right are not mirrored', async () => {
  const intensity = { kind: 'local', lowPercentile: 0.5, highPercentile: 99.5, millimetres: 25 } as const;
  for (const more of [{ intensity }, { intensity: { ...intensity, sliceAxis: 2 } }, { oneSided: true }]) {
    expect(await said({ ...card, ...more })).toBeUndefined();
    expect((await loadModel(folder)).card).toEqual({ ...card, ...more });
  }
  expect(await said({ ...card, intensity: { ...intensity, sliceAxis: 3 } })).toContain('"intensity.sliceAxis"');
});

it('a model card that cannot be used is refused in a sentence that names what is wrong', async () => {
  expect(await said(card)).toBeUndefined();
  expect(await said('{"format": 1')).toBe('The model card (model.json) in F is damaged.');
  expect(await said([])).toMatch(/^The model card \(model.json\) in F cannot be used: .*\.$/);
  const wrong = (field: string): string => `The model card (model.json) in F cannot be used: "${field}" is missing or wrong.`;
  expect(await said({ ...card, spacing: [1, 0, 1] })).toBe(wrong('spacing.1'));
  expect(await said({ ...card, patch: [16, 16, 1e9] })).toBe(wrong('patch.2'));
  expect(await said(architecture({ dims: [8, 16] }))).toBe(wrong('architecture'));
  expect(await said(architecture({ localStages: 4 }))).toBe(wrong('architecture'));
  for (const more of [{ depths: [1, 1, 1e6] }, { dims: [8, 16, 1e6] }, { split: 0 }, { classes: 1e6 }, { mlpRatios: [] }])
    expect(await said(architecture(more))).toMatch(/cannot be used: "architecture\.[\w.]+" is missing or wrong\.$/);
  expect(await said({ ...card, patch: [16, 16, 20] })).toBe(
    'The model in F cannot be used: its patch in model.json does not fit its network, whose sides are multiples of 16.',
  );
  expect(await said(architecture({ localStages: 3 }))).toBe(
    'The model in F cannot be used: no network can be built as its model.json says.',
  );
  for (const more of [
    { dims: [8, 16, 32] },
    { topWidth: 16 },
    { network: 'unet' },
    { features: 15 },
    { mlpRatios: [2, 2, 3] },
    { localStages: 1 },
  ])
    expect(await said(architecture(more))).toBe(
      'The model in F cannot be used: its weights are those of another network than its model.json says.',
    );
});

it('any byte of a card may be another: it is refused in a sentence, or loads', async () => {
  expect(await said(card)).toBeUndefined();
  const text = readFileSync(join(folder, 'model.json'));
  for (let at = 0; at < text.length; at += 3) {
    const harmed = Buffer.from(text);
    harmed[at] = (harmed[at] as number) ^ (1 << (at % 7));
    const sentence = await said(harmed.toString('latin1'));
    if (sentence !== undefined) expect(sentence).toMatch(/^The model .*\.$/);
  }
});
