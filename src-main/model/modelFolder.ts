import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import type { AnyModelCard, JoinedModelCard } from '#shared/domain/joinedModel.ts';
import { blockNames, type ModelCard } from '#shared/domain/modelCard.ts';
import { buildModel } from './build.ts';
import { instanceLength, type ParameterSpec } from './modelBuilder.ts';
import { importedCard } from './nnunet/card.ts';
import { partWeights } from './labelValues.ts';
import { buildNnunet } from './nnunet/network.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import { sideMultiple } from './variants.ts';
import type { Weights } from './weights.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';

const number = v.pipe(v.number(), v.finite());
const above = v.pipe(number, v.gtValue(0));
const triple = <S extends v.GenericSchema>(item: S): v.TupleSchema<[S, S, S], undefined> => v.tuple([item, item, item]);
/** Bounds far beyond any network of this program, so that a damaged card does not build one that fills the memory. */
const upTo = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most));
const stages = (most: number) => v.pipe(v.array(upTo(most)), v.minLength(1), v.maxLength(6));
const inside = v.optional(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1023))));
const span = v.object({ low: v.pipe(v.array(number), v.maxLength(16)), high: v.pipe(v.array(number), v.maxLength(16)) });
/** Of a joined model. */
export const MOST_PARTS = 16;

const intensity = v.variant('kind', [
  v.object({ kind: v.literal('window'), low: number, high: number }),
  v.object({ kind: v.literal('zscore'), lowPercentile: number, highPercentile: number }),
  v.object({
    kind: v.literal('local'),
    lowPercentile: number,
    highPercentile: number,
    millimetres: v.pipe(number, v.gtValue(0), v.maxValue(1000)),
    sliceAxis: v.optional(v.picklist([0, 1, 2])),
  }),
]);
const card = v.object({
  format: v.literal(1),
  kind: v.optional(v.literal('prompts')),
  variant: v.string(),
  architecture: v.pipe(
    v.object({
      network: v.picklist(['logonet', 'ulkanet', 'unet']),
      dims: stages(4096),
      depths: stages(64),
      mlpRatios: stages(64),
      topWidth: v.optional(upTo(1024)),
      block: v.optional(v.picklist(blockNames)),
      inChannels: upTo(16),
      features: upTo(1024),
      classes: upTo(1024),
      localStages: upTo(6),
      split: upTo(4),
    }),
    v.check(
      ({ dims, depths, mlpRatios, localStages }) =>
        dims.length === depths.length && dims.length === mlpRatios.length && localStages <= dims.length,
    ),
  ),
  labelSet: v.object({
    labels: v.array(
      v.object({ value: v.number(), name: v.string(), color: v.string(), locked: v.boolean(), inside: v.optional(v.number()) }),
    ),
  }),
  classToLabel: v.array(v.number()),
  spacing: triple(above),
  intensity,
  channels: v.optional(
    v.pipe(v.array(v.object({ name: v.string(), intensity, optional: v.optional(v.literal(true)) })), v.minLength(1), v.maxLength(16)),
  ),
  patch: triple(upTo(4096)),
  oneSided: v.optional(v.literal(true)),
  loss: v.optional(
    v.variant('name', [
      v.object({ name: v.literal('paper'), inside }),
      v.object({ name: v.literal('weighted'), classWeights: v.array(above), inside }),
    ]),
  ),
  scans: v.optional(v.object({ isCt: v.array(v.boolean()), spacing: span, extent: span, intensities: span })),
  datasetHash: v.string(),
  history: v.array(
    v.object({
      startedAt: v.string(),
      minutes: v.number(),
      steps: v.number(),
      seed: v.number(),
      cases: v.number(),
      validationDice: v.record(v.string(), v.number()),
      note: v.optional(v.string()),
    }),
  ),
});

const joined = v.object({
  format: v.literal(3),
  variant: v.string(),
  parts: v.pipe(
    v.array(v.object({ name: v.string(), card: v.union([card, importedCard]), weightsHash: v.string() })),
    v.minLength(2),
    v.maxLength(MOST_PARTS),
  ),
  overlap: v.literal('laterOverEarlier'),
  labelSet: card.entries.labelSet,
  joinedAt: v.string(),
});

export interface StoredModel {
  readonly card: ModelCard;
  readonly weights: Weights;
  /** SHA-256 of the weight file. */
  readonly weightsHash: string;
}

/** An imported model in its folder. */
export interface StoredImport {
  readonly card: ImportedModelCard;
  readonly weights: Weights;
  readonly weightsHash: string;
}

/** Models that are joined, in their folder. */
export interface StoredJoined {
  readonly card: JoinedModelCard;
  /** Of all parts, each with its prefix. */
  readonly weights: Weights;
  readonly weightsHash: string;
}

/** One network, trained here or imported. */
export type StoredNetwork = StoredModel | StoredImport;

export const isImported = (model: StoredNetwork): model is StoredImport => model.card.format === 2;
export const isJoined = (model: StoredNetwork | StoredJoined): model is StoredJoined => model.card.format === 3;

/** The parts of a joined model, each as a model of its own. */
export function partsOf({ card, weights }: StoredJoined): StoredNetwork[] {
  return card.parts.map(
    (part, index) => ({ card: part.card, weights: partWeights(weights, index), weightsHash: part.weightsHash }) as StoredNetwork,
  );
}

/** As `loadAnyModel`, for what only models of this program can do. Throws `unsupported` for others too. */
export async function loadModel(folder: string): Promise<StoredModel> {
  const model = await loadNetwork(folder);
  if (!isImported(model)) return model;
  throw new StudioError('unsupported', 'This works with models of this program alone, and this one was imported.');
}

/** As `loadAnyModel`, for what works with one network. Throws `unsupported` for a joined one too. */
export async function loadNetwork(folder: string): Promise<StoredNetwork> {
  const model = await loadAnyModel(folder);
  if (!isJoined(model)) return model;
  throw new StudioError(
    'unsupported',
    'These are several models that were joined: they predict together. For this take one of the models that they were joined from.',
  );
}

/** Reads `model.json` and `weights.safetensors` of a folder. Throws `not-found` or `invalid-file`, and `unsupported` for a network that is asked with prompts. */
export async function loadAnyModel(folder: string): Promise<StoredNetwork | StoredJoined> {
  const model = await readModel(folder);
  if (!isAsked(model)) return model;
  throw new StudioError(
    'unsupported',
    'This network segments what it is pointed at, and nothing by itself: it is no model to predict with.',
  );
}

/** A network that is asked with prompts. Throws as `loadAnyModel`, and `unsupported` for any other model. */
export async function loadPromptModel(folder: string): Promise<StoredModel> {
  const model = await readModel(folder);
  if (isAsked(model)) return model;
  throw new StudioError('unsupported', 'This model cannot be asked with prompts: choose one that “logonet prompts train” made.');
}

const isAsked = (model: StoredNetwork | StoredJoined): model is StoredModel => model.card.format === 1 && model.card.kind === 'prompts';

async function readModel(folder: string): Promise<StoredNetwork | StoredJoined> {
  const [json, bytes] = await Promise.all([readOne(folder, 'model.json'), readOne(folder, 'weights.safetensors')]);
  let parsed: unknown;
  try {
    parsed = JSON.parse(json.toString('utf8'));
  } catch (error) {
    throw new StudioError('invalid-file', `The model card (model.json) in ${folder} is damaged.`, { cause: error });
  }
  const weightsHash = createHash('sha256').update(bytes).digest('hex');
  const { format } = (parsed ?? {}) as { format?: unknown };
  if (format === 3) {
    const whole = { card: checkedCard(joined, parsed, folder), weights: decodeSafetensors(bytes).tensors, weightsHash };
    for (const part of partsOf(whole)) requireItsFit(folder, part);
    return whole;
  }
  if (format === 2) {
    const imported = checkedCard(importedCard, parsed, folder);
    const model = { card: imported, weights: decodeSafetensors(bytes).tensors, weightsHash };
    requireItsFit(folder, model);
    return model;
  }
  const own = checkedCard(card, parsed, folder);
  const model = { card: own, weights: decodeSafetensors(bytes).tensors, weightsHash };
  requireItsFit(folder, model);
  return model;
}

function requireItsFit(folder: string, model: StoredNetwork): void {
  if (isImported(model)) requireImportedFit(folder, model.card, model.weights);
  else requireFit(folder, model.card, model.weights);
}

function checkedCard<S extends v.GenericSchema>(schema: S, parsed: unknown, folder: string): v.InferOutput<S> {
  const checked = v.safeParse(schema, parsed);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const field = v.getDotPath(issue);
  throw new StudioError(
    'invalid-file',
    `The model card (model.json) in ${folder} cannot be used: ${field === null ? 'it is no card' : `"${field}" is missing or wrong`}.`,
    { detail: v.summarize(checked.issues) },
  );
}

/** Every fold has every weight of the network, in its shape. */
function requireImportedFit(folder: string, { network, pipeline, folds }: ImportedModelCard, weights: Weights): void {
  const { parameters } = buildNnunet(network, { batch: 1, size: pipeline.patch });
  for (const fold of folds)
    for (const spec of parameters) {
      const name = `${fold}/${spec.names[0] ?? ''}`;
      const found = weights.get(name);
      if (found?.data instanceof Float32Array && found.shape.join() === spec.value.type.shape.slice(1).join()) continue;
      throw new StudioError(
        'invalid-file',
        `The model in ${folder} cannot be used: its weights are those of another network than its model.json says.`,
        {
          detail: `${name}: ${found?.shape.join() ?? 'missing'}`,
        },
      );
    }
}

/** The backbone's weights are those of the card. A folder may lack a head, or have one that is transplanted by its labels. */
function requireFit(folder: string, { architecture, patch, channels }: ModelCard, weights: Weights): void {
  const unfit = (why: string, detail: string): StudioError =>
    new StudioError('invalid-file', `The model in ${folder} cannot be used: ${why}.`, { detail });
  if (architecture.inChannels !== (channels?.length ?? 1)) throw unfit('its model.json does not say what each of its channels is', '');
  const multiple = sideMultiple(architecture);
  if (patch.some((side) => side % multiple !== 0))
    throw unfit(`its patch in model.json does not fit its network, whose sides are multiples of ${multiple}`, patch.join());
  const specsOf = (): readonly ParameterSpec[] => {
    try {
      const { parameters, states } = buildModel(architecture, { batch: 1, size: [multiple, multiple, multiple], mode: 'train' });
      return [...parameters, ...states].filter(({ fixed }) => fixed !== true);
    } catch (error) {
      throw unfit('no network can be built as its model.json says', String(error instanceof StudioError ? error.detail : error));
    }
  };
  for (const spec of specsOf()) {
    for (const name of spec.names.filter((each) => each.startsWith('features.'))) {
      const found = weights.get(name);
      if (found?.data.length !== instanceLength(spec))
        throw unfit('its weights are those of another network than its model.json says', `${name}: ${found?.shape.join() ?? 'missing'}`);
    }
  }
}

async function readOne(folder: string, name: string): Promise<Buffer> {
  return readFile(join(folder, name)).catch((error: unknown) => {
    throw new StudioError('not-found', `There is no model in ${folder}: ${name} is missing.`, { cause: error });
  });
}

/** Writes the weights first and the card last: a folder with a card is complete. Throws `not-found` where the folder above it is not there, `disk-full` or `io`. */
export async function saveModel(folder: string, modelCard: AnyModelCard, weights: Weights): Promise<void> {
  makeFolderBelow(dirname(dirname(folder)), folder);
  await writeFileAtomically(join(folder, 'weights.safetensors'), encodeSafetensors(weights));
  await saveCard(folder, modelCard);
}

/** Beside weights that are there already. Throws `disk-full`, `io`. */
export async function saveCard(folder: string, modelCard: AnyModelCard): Promise<void> {
  await writeFileAtomically(join(folder, 'model.json'), `${JSON.stringify(modelCard, null, 2)}\n`);
}
