import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { AnyModelCard } from '#shared/domain/joinedModel.ts';
import { copyDurably, replaceFolder } from '#main/files/durable.ts';
import { folderSize } from '#main/files/folderSize.ts';
import { readJson } from '#main/files/jsonStore.ts';
import { makeFolder } from '#main/files/makeFolder.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { loadAnyModel } from '#main/model/modelFolder.ts';
import { parametersOf } from '#main/model/parameters.ts';

/** What the shelf knows of a model without opening its weights. */
const entry = v.object({
  /** SHA-256 of its weights. */
  hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  name: v.string(),
  keptAt: v.string(),
  variant: v.string(),
  labels: v.array(v.string()),
  /** As the model's files state them; null for models that were trained here. */
  licence: v.nullable(v.string()),
  source: v.nullable(v.string()),
  parameters: v.number(),
});
export type ShelfEntry = v.InferOutput<typeof entry>;

const about = 'shelf.json';

/** Licence and source, of joined models those of the parts that state them. */
function statedBy(card: AnyModelCard): Pick<ShelfEntry, 'licence' | 'source'> {
  if (card.format === 1) return { licence: null, source: null };
  if (card.format === 2) {
    const { kind, dataset, licence, reference } = card.source;
    return { licence, source: [kind, dataset, reference].filter((each) => each !== null).join(', ') };
  }
  const parts = card.parts.map((part) => statedBy(part.card));
  const together = (texts: readonly (string | null)[], by: string): string | null => {
    const stated = [...new Set(texts.filter((each) => each !== null))];
    return stated.length === 0 ? null : stated.join(by).slice(0, 4096);
  };
  return {
    licence: together(
      parts.map(({ licence }) => licence),
      '; ',
    ),
    source: together(
      parts.map(({ source }) => source),
      '; ',
    ),
  };
}

/** The models that this computer keeps for all projects, each in a folder named by the SHA-256 of its weights. Nothing is ever downloaded. */
export class ModelShelf {
  readonly #folder: string;

  /** `data`: the program's own folder. */
  constructor(data: string) {
    this.#folder = join(data, 'models');
  }

  /** By name. */
  async list(): Promise<(ShelfEntry & { readonly bytes: number })[]> {
    const entries = this.#entries();
    const sized = await Promise.all(entries.map(async (each) => ({ ...each, bytes: (await folderSize(this.#of(each.hash))).bytes })));
    return sized.sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Copies a model's folder. One with the same weights is replaced. Throws `not-found`, `invalid-file`, `disk-full`, `io`. */
  async keep(modelFolder: string, name: string): Promise<ShelfEntry> {
    const { card, weights, weightsHash } = await loadAnyModel(modelFolder);
    const kept: ShelfEntry = {
      hash: weightsHash,
      name,
      keptAt: new Date().toISOString(),
      variant: card.variant,
      labels: card.labelSet.labels.map((label) => label.name),
      ...statedBy(card),
      parameters: parametersOf(card, weights),
    };
    await replaceFolder(this.#of(weightsHash), makeFolder, async (incoming) => {
      for (const file of ['weights.safetensors', 'model.json']) copyDurably(join(modelFolder, file), join(incoming, file));
      await writeFileAtomically(join(incoming, about), `${JSON.stringify(kept, null, 2)}\n`);
    });
    return kept;
  }

  /** The folder of the model whose hash begins so. Throws `not-found`, `conflict` where several do, `invalid-file` where its weights have changed. */
  async folderOf(hash: string): Promise<{ readonly folder: string; readonly entry: ShelfEntry }> {
    const found = this.#find(hash);
    const folder = this.#of(found.hash);
    const { weightsHash } = await loadAnyModel(folder);
    if (weightsHash !== found.hash)
      throw new StudioError(
        'invalid-file',
        `The weights of “${found.name}” are not those that were kept. Remove it and keep it again from its source.`,
      );
    return { folder, entry: found };
  }

  /** Projects that use it have their own copy. Throws `not-found`, `conflict`. */
  async remove(hash: string): Promise<ShelfEntry> {
    const found = this.#find(hash);
    await rm(this.#of(found.hash), { recursive: true, force: true });
    return found;
  }

  #of(hash: string): string {
    return join(this.#folder, hash);
  }

  #entries(): ShelfEntry[] {
    if (!existsSync(this.#folder)) return []; // Nothing was kept yet.
    return readdirSync(this.#folder).flatMap((name) => {
      const read = readJson(join(this.#folder, name, about), entry);
      return read?.hash === name ? [read] : [];
    });
  }

  #find(hash: string): ShelfEntry {
    const [found, another] = this.#entries().filter((each) => each.hash.startsWith(hash));
    if (found === undefined) throw new StudioError('not-found', 'This computer keeps no such model.', { detail: hash });
    if (another !== undefined)
      throw new StudioError('conflict', 'Several models begin with these characters. Give more of the SHA-256.', { detail: hash });
    return found;
  }
}
