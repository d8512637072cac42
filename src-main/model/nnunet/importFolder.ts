import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { ImportedModelCard, ModelSource } from '#shared/domain/importedModel.ts';
import { labelSetFrom } from '#shared/domain/labelSet.ts';
import type { NamedTensor } from '../safetensors.ts';
import { instanceLength } from '../modelBuilder.ts';
import type { Weights } from '../weights.ts';
import { Checkpoint, plainJson, stateDictionary } from './checkpoint.ts';
import { fieldsOf } from './fields.ts';
import { buildNnunet, unusedHead } from './network.ts';
import { parseOrderedJson, type OrderedJson } from './orderedJson.ts';
import { readPlans, type NnunetPlans } from './plans.ts';
import type { Plain } from './pickledValues.ts';

export interface ImportOptions {
  /** Folds by name or number ('0', 'all'); every numbered one unless given. */
  readonly folds?: readonly string[];
  readonly cancellation?: Cancellation;
  /** 0..1 */
  readonly onProgress?: (fraction: number) => void;
}

export interface ImportedModel {
  readonly card: ImportedModelCard;
  /** By fold and name of the state dictionary: 'fold_0/encoder.stages…'. */
  readonly weights: Weights;
}

const checkpointNames = ['checkpoint_final.pth', 'checkpoint_best.pth'];
const MOST_JSON_BYTES = 16 * 2 ** 20;
const MOST_FOLDS = 16;

/**
 * Reads an nnU-Net v2 result folder (plans.json, dataset.json, fold_N/checkpoint_final.pth) as a model of this program. Nothing in it is
 * executed. Throws `not-found` where there is no such folder, `unsupported` (with the reason) for a model that cannot be used here,
 * `invalid-file` for a damaged one.
 */
export async function importNnunetFolder(folder: string, options: ImportOptions = {}): Promise<ImportedModel> {
  const place = await resultFolder(folder);
  const folds = await chosenFolds(place, options.folds ?? []);
  const weights = new Map<string, NamedTensor>();
  const checkpoints: Record<string, string> = {};
  let plans: NnunetPlans | undefined;
  let settings: CheckpointSettings | undefined;
  for (const [index, { name, file }] of folds.entries()) {
    throwIfCancelled(options.cancellation ?? { aborted: false });
    const checkpoint = await Checkpoint.open(file);
    try {
      const own = checkpointSettings(checkpoint.values);
      if (settings !== undefined && own.configuration !== settings.configuration)
        throw new StudioError('invalid-file', 'The folds of this nnU-Net model are of different configurations.');
      plans ??= readPlans(
        (await json(place, 'plans.json')) ?? own.plans,
        (await json(place, 'dataset.json')) ?? own.dataset,
        own.configuration,
      );
      settings ??= own;
      for (const [key, tensor] of await foldWeights(checkpoint, plans)) weights.set(`${name}/${key}`, tensor);
    } finally {
      checkpoint.dispose();
    }
    checkpoints[name] = await sha256(file);
    options.onProgress?.((index + 1) / folds.length);
  }
  if (plans === undefined || settings === undefined) throw new StudioError('not-found', `There is no nnU-Net model in ${folder}.`);
  return { card: cardOf(plans, settings, folds, checkpoints, basename(place)), weights };
}

function cardOf(
  { network, pipeline, labels, dataset, plans, licence, reference }: NnunetPlans,
  { trainer, configuration, mirrorAxes }: CheckpointSettings,
  folds: readonly Fold[],
  checkpoints: ModelSource['checkpoints'],
  folderName: string,
): ImportedModelCard {
  return {
    format: 2,
    variant: network.kind === 'plainConvUNet' ? 'nnU-Net, plain U-Net' : 'nnU-Net, residual encoder',
    network,
    pipeline: { ...pipeline, mirrorAxes },
    folds: folds.map(({ name }) => name),
    labelSet: labelSetFrom(labels.labels),
    source: {
      kind: 'nnU-Net',
      dataset: dataset === '' ? folderName : dataset,
      trainer,
      plans,
      configuration,
      licence,
      reference,
      checkpoints,
    },
    importedAt: new Date().toISOString(),
  };
}

interface CheckpointSettings {
  readonly configuration: string;
  readonly trainer: string;
  readonly mirrorAxes: readonly (0 | 1 | 2)[];
  readonly plans: OrderedJson;
  readonly dataset: OrderedJson;
}

function checkpointSettings(values: ReadonlyMap<string | number | boolean | null, Plain>): CheckpointSettings {
  const given = fieldsOf(plainJson(values.get('init_args')) as OrderedJson, 'The checkpoint');
  const axes = values.get('inference_allowed_mirroring_axes');
  const mirrorAxes = Array.isArray(axes) ? axes : [];
  if (
    !mirrorAxes.every((axis): axis is 0 | 1 | 2 => axis === 0 || axis === 1 || axis === 2) ||
    new Set(mirrorAxes).size !== mirrorAxes.length
  )
    throw new StudioError('invalid-file', 'The checkpoint of this nnU-Net model mirrors along axes that it does not have.');
  const trainer = values.get('trainer_name');
  return {
    configuration: given.text('configuration'),
    trainer: typeof trainer === 'string' ? trainer : '',
    mirrorAxes: mirrorAxes.toSorted(),
    plans: given.get('plans') ?? null,
    dataset: given.get('dataset_json') ?? null,
  };
}

/** The weights that the network of the plans needs, and a refusal where the file has others. */
async function foldWeights(checkpoint: Checkpoint, { network, pipeline }: NnunetPlans): Promise<Map<string, NamedTensor>> {
  const found = stateDictionary(checkpoint.values.get('network_weights'));
  const { parameters } = buildNnunet(network, { batch: 1, size: pipeline.patch });
  const weights = new Map<string, NamedTensor>();
  const other = (detail: string): StudioError =>
    new StudioError(
      'unsupported',
      'This nnU-Net model cannot be used here: its weights are of another network than its plans say (a trainer that changes it).',
      {
        detail,
      },
    );
  for (const spec of parameters) {
    const [name = ''] = spec.names;
    const reference = found.get(name);
    if (reference === undefined) throw other(`${name} is missing`);
    const shape = spec.value.type.shape.slice(1);
    if (reference.size.join() !== shape.join()) throw other(`${name} is ${reference.size.join('×')}, not ${shape.join('×')}`);
    const tensor = await checkpoint.tensor(reference);
    if (tensor.data.length !== instanceLength(spec) || !tensor.data.every(Number.isFinite))
      throw new StudioError('invalid-file', 'This nnU-Net model is damaged: some of its weights are not numbers.', { detail: name });
    weights.set(name, tensor);
    found.delete(name);
  }
  const left = [...found.keys()].find((name) => !unusedHead(network, name));
  if (left !== undefined) throw other(`${left} is not in the plans`);
  return weights;
}

/** The folder itself, or the only model below a data set's folder. */
async function resultFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new StudioError('not-found', `There is no folder ${folder}.`, { cause });
  });
  if (entries.some((entry) => entry.isDirectory() && entry.name.startsWith('fold_'))) return folder;
  const models = entries.filter((entry) => entry.isDirectory() && entry.name.split('__').length === 3).map((entry) => entry.name);
  const [only] = models;
  if (models.length === 1 && only !== undefined) return join(folder, only);
  if (models.length > 1)
    throw new StudioError('conflict', `There are several nnU-Net models in ${folder}; choose one: ${models.join(', ')}.`);
  throw new StudioError('not-found', `There is no nnU-Net model in ${folder}: it has no folder fold_0, fold_1 … or fold_all.`);
}

interface Fold {
  readonly name: string;
  readonly file: string;
}

async function chosenFolds(folder: string, asked: readonly string[]): Promise<readonly Fold[]> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const numbered = names.filter((name) => /^fold_\d+$/.test(name)).toSorted((a, b) => Number(a.slice(5)) - Number(b.slice(5)));
  const wanted =
    asked.length > 0
      ? asked.map((fold) => `fold_${fold.replace(/^fold_/, '')}`)
      : numbered.length > 0
        ? numbered
        : names.filter((name) => name === 'fold_all');
  if (new Set(wanted).size !== wanted.length || wanted.length > MOST_FOLDS)
    throw new StudioError('usage', 'A fold is asked for twice, or too many are.');
  const folds: Fold[] = [];
  for (const name of wanted) {
    const missing = (): StudioError =>
      new StudioError('not-found', `${name} of the nnU-Net model in ${folder} has no checkpoint_final.pth.`);
    if (!names.includes(name)) throw missing();
    const inside = await readdir(join(folder, name));
    const file = checkpointNames.find((each) => inside.includes(each));
    if (file !== undefined) folds.push({ name, file: join(folder, name, file) });
    else if (asked.length > 0) throw missing();
  }
  if (folds.length === 0) throw new StudioError('not-found', `There is no checkpoint in the nnU-Net model in ${folder}.`);
  return folds;
}

async function json(folder: string, name: string): Promise<OrderedJson | undefined> {
  const path = join(folder, name);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (found.size > MOST_JSON_BYTES) throw new StudioError('invalid-file', `${name} of this nnU-Net model is too large.`);
  return parseOrderedJson(await readFile(path, 'utf8'), `${name} of this nnU-Net model`);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
