import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { decodeSafetensors, encodeSafetensors } from '#main/model/safetensors.ts';
import type { Weights } from '#main/model/weights.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';

const triple = v.tuple([v.number(), v.number(), v.number()]);
const positive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000));
const card = v.object({
  format: v.literal(1),
  variant: v.string(),
  architecture: v.object({
    network: v.picklist(['logonet', 'ulkanet', 'unet']), dims: v.array(positive), depths: v.array(positive), mlpRatios: v.array(positive),
    inChannels: positive, features: positive, classes: positive, localStages: positive, split: positive,
  }),
  labelSet: v.object({ labels: v.array(v.object({ value: v.number(), name: v.string(), color: v.string(), locked: v.boolean() })) }),
  classToLabel: v.array(v.number()),
  spacing: triple,
  intensity: v.variant('kind', [
    v.object({ kind: v.literal('window'), low: v.number(), high: v.number() }),
    v.object({ kind: v.literal('zscore'), lowPercentile: v.number(), highPercentile: v.number() }),
  ]),
  patch: triple,
  datasetHash: v.string(),
  history: v.array(v.object({
    startedAt: v.string(), minutes: v.number(), steps: v.number(), seed: v.number(), cases: v.number(),
    validationDice: v.record(v.string(), v.number()), note: v.optional(v.string()),
  })),
});

export interface StoredModel {
  readonly card: ModelCard;
  readonly weights: Weights;
  /** SHA-256 of the weight file. */
  readonly weightsHash: string;
}

/** Reads `model.json` and `weights.safetensors` of a folder. Throws `not-found` or `invalid-file`. */
export async function loadModel(folder: string): Promise<StoredModel> {
  const [json, bytes] = await Promise.all([readOne(folder, 'model.json'), readOne(folder, 'weights.safetensors')]);
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString('utf8'));
  } catch (error) {
    throw new StudioError('invalid-file', `The model card (model.json) in ${folder} is damaged.`, { cause: error });
  }
  const checked = v.safeParse(card, parsed);
  if (!checked.success) throw new StudioError('invalid-file', `The model card (model.json) in ${folder} is not one of this version.`, { detail: v.summarize(checked.issues) });
  return { card: checked.output, weights: decodeSafetensors(bytes).tensors, weightsHash: createHash('sha256').update(bytes).digest('hex') };
}

async function readOne(folder: string, name: string): Promise<Buffer> {
  return readFile(join(folder, name)).catch((error: unknown) => {
    throw new StudioError('not-found', `There is no model in ${folder}: ${name} is missing.`, { cause: error });
  });
}

/** Writes the weights first and the card last: a folder with a card is complete. Throws `disk-full` or `io`. */
export async function saveModel(folder: string, modelCard: ModelCard, weights: Weights): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(join(folder, 'weights.safetensors'), encodeSafetensors(weights));
  await writeFileAtomically(join(folder, 'model.json'), `${JSON.stringify(modelCard, null, 2)}\n`);
}
