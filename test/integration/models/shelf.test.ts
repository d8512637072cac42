import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { hashFile } from '#main/files/durable.ts';
import { writeTinyFolder } from '#test/support/nnunetFolder.ts';
import { startStudio, testLabels, type TestStudio } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';

let app: TestStudio;
const at = (...parts: string[]): string => join(app.folder, ...parts);
const label = (value: number, name: string) => ({ value, name, color: '#cc4444', locked: false });
const create = (name: string, ...labels: ReturnType<typeof label>[]) => app.client.projects.create({ path: at(name), name, labels });

beforeEach(() => {
  app = startStudio();
});
afterEach(() => app.close());

describe('the shelf', () => {
  it('carries a model from one project to another, its labels by name', async () => {
    await writeTinyModel(at('model'));
    await create('first', ...testLabels);
    const { modelId } = await app.client.models.importFolder({ folder: at('model') });
    const { hash } = await app.client.models.keep({ modelId });
    expect(hash).toBe(hashFile(at('model', 'weights.safetensors')));
    await app.client.projects.close();

    // The other project has the numbers the other way round, and a third label.
    await create('second', label(1, 'spleen '), label(2, 'Kidney'), label(7, 'liver'));
    const { models } = await app.client.models.shelf();
    expect(models).toMatchObject([{ hash, labels: ['Liver', 'Spleen'], licence: null, source: null }]);
    const { modelId: taken } = await app.client.models.take({ hash: hash.slice(0, 12) });
    const { card, model } = await app.client.models.card({ modelId: taken });
    expect(model).toMatchObject({ promoted: true, weightsHash: hash });
    expect((JSON.parse(card) as ModelCard).classToLabel).toEqual([0, 7, 1]);
    expect((await app.client.projects.current()).project?.labels.map(({ name }) => name)).toEqual(['spleen ', 'Kidney', 'liver']);

    // The shelf's own copy is as it was; removing it leaves the project's.
    const kept = JSON.parse(readFileSync(join(app.folder, 'data', 'models', hash, 'model.json'), 'utf8')) as ModelCard;
    expect(kept.classToLabel).toEqual([0, 1, 2]);
    await app.client.models.discard({ hash });
    expect((await app.client.models.shelf()).models).toEqual([]);
    expect(existsSync(at('second', 'models', taken, 'weights.safetensors'))).toBe(true);
  });

  it('says licence and source of an nnU-Net model, and keeps one copy of the same weights', async () => {
    await writeTinyFolder(at('nnunet'), { kind: 'plain', folds: 1 });
    await create('first');
    const { modelId } = await app.client.models.importFolder({ folder: at('nnunet') });
    await app.client.models.keep({ modelId });
    await app.client.models.keep({ modelId });
    const { models } = await app.client.models.shelf();
    expect(models).toHaveLength(1);
    expect(models[0]?.source).toContain('nnU-Net');
  });

  it('gives no model whose weights have changed, and none that it does not have', async () => {
    await writeTinyModel(at('model'));
    await create('first');
    const { modelId } = await app.client.models.importFolder({ folder: at('model') });
    const { hash } = await app.client.models.keep({ modelId });
    const weights = join(app.folder, 'data', 'models', hash, 'weights.safetensors');
    const bytes = readFileSync(weights);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(weights, bytes);
    await expect(app.client.models.take({ hash })).rejects.toMatchObject({ code: 'invalid-file' });
    await expect(app.client.models.take({ hash: 'ffffff' })).rejects.toMatchObject({ code: 'not-found' });
    // What is half copied is not there.
    mkdirSync(join(app.folder, 'data', 'models', `${'a'.repeat(64)}.incoming`));
    cpSync(at('model'), join(app.folder, 'data', 'models', 'b'.repeat(64)), { recursive: true });
    expect((await app.client.models.shelf()).models.map((model) => model.hash)).toEqual([hash]);
  });
});
