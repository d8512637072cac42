import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { neverCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { AnyModelCard } from '#shared/domain/joinedModel.ts';
import { sameLabel, type Label, type LabelSet } from '#shared/domain/labelSet.ts';
import { copyDurably, replaceFolder } from '#main/files/durable.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import {
  getLabelSet,
  getModel,
  listModels,
  listRemovedLabels,
  newId,
  nextLabelValue,
  setLabelSet,
  type Project,
} from '#main/library/index.ts';
import { loadAnyModel, saveCard, saveModel } from '#main/model/modelFolder.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { withValues } from '#main/model/labelValues.ts';
import { joinModels, type NamedModel } from '#main/model/joinModels.ts';
import { parametersOf } from '#main/model/parameters.ts';
import type { Weights } from '#main/model/weights.ts';
import { listModel, nextName } from './results/adoptModel.ts';

export interface ModelImportOptions {
  /** Of an nnU-Net folder: every numbered one where there are none. */
  readonly folds?: readonly string[];
  readonly name?: string;
  readonly cancellation?: Cancellation;
  readonly onProgress?: (fraction: number) => void;
}

/**
 * A model from outside as a model of a project: a model folder of this program's (model.json beside its weights) or an nnU-Net result folder. Its
 * labels are those of the project with the same names, whatever their values; others join the project's list. Resolves with the model's
 * id. Throws `not-found`, `invalid-file`, and `unsupported` for what cannot be used here.
 */
export async function importModel(project: Project, folder: string, options: ModelImportOptions = {}): Promise<string> {
  const isOwn = existsSync(join(folder, 'model.json'));
  const found = isOwn
    ? await loadAnyModel(folder)
    : await importNnunetFolder(folder, { folds: [], cancellation: neverCancelled, ...options });
  const id = newId();
  const target = project.paths.model(id);
  const card = await replaceFolder(
    target,
    (incoming) => makeFolderBelow(project.paths.folder, incoming),
    async (incoming) => {
      const mapped = project.write.transaction(() => withProjectLabels(project, found.card));
      if (isOwn) {
        copyDurably(join(folder, 'weights.safetensors'), join(incoming, 'weights.safetensors'));
        await saveCard(incoming, mapped);
      } else await saveModel(incoming, mapped, found.weights);
      return mapped;
    },
  );
  await listIn(project, id, { card, weights: found.weights }, options.name);
  return id;
}

/** Models of a project as one more, which predict one after the other. Resolves with its id. Throws what `joinModels` throws, and `not-found`. */
export async function joinProjectModels(project: Project, modelIds: readonly string[], name?: string): Promise<string> {
  const models: NamedModel[] = [];
  for (const each of modelIds)
    models.push({ name: getModel(project.read, each).name, model: await loadAnyModel(project.paths.model(each)) });
  const joined = joinModels(models);
  const id = newId();
  await replaceFolder(
    project.paths.model(id),
    (incoming) => makeFolderBelow(project.paths.folder, incoming),
    (incoming) => saveModel(incoming, joined.card, joined.weights),
  );
  await listIn(project, id, joined, name);
  return id;
}

async function listIn(
  project: Project,
  id: string,
  { card, weights }: { readonly card: AnyModelCard; readonly weights: Weights },
  name: string | undefined,
): Promise<void> {
  const { weightsHash } = await loadAnyModel(project.paths.model(id));
  listModel(
    project,
    {
      id,
      card,
      weightsHash,
      name: name ?? nameFor(project, card),
      parameters: parametersOf(card, weights),
      trainingCases: card.format === 3 ? 0 : (card.history?.at(-1)?.cases ?? 0),
      dice: null,
      jobId: null,
    },
    [],
  );
}

/** The card with the project's values for labels of the same names. New names join the project, removed ones come back. */
function withProjectLabels<C extends AnyModelCard>(project: Project, card: C): C {
  const { labelSet, valueOf } = projectLabels(project, card.labelSet);
  return withValues(card, labelSet, valueOf);
}

function projectLabels(project: Project, labelSet: LabelSet): { labelSet: LabelSet; valueOf: (value: number) => number } {
  const values = new Map<number, number>();
  const labels: Label[] = labelSet.labels.map((label) => {
    const { labels: own } = getLabelSet(project.write);
    const known = own.find(({ name }) => sameLabel(name) === sameLabel(label.name));
    const removed = listRemovedLabels(project.write).find(({ name }) => sameLabel(name) === sameLabel(label.name));
    const free =
      own.every(({ value }) => value !== label.value) && listRemovedLabels(project.write).every(({ value }) => value !== label.value);
    const mapped = known ?? removed ?? { ...label, value: free ? label.value : nextLabelValue(project.write) };
    if (known === undefined) setLabelSet(project.write, { labels: [...own, mapped] });
    values.set(label.value, mapped.value);
    return { ...mapped, locked: false };
  });
  return { labelSet: { labels }, valueOf: (value) => values.get(value) ?? 0 };
}

function nameFor(project: Project, card: AnyModelCard): string {
  if (card.format === 1) return nextName(project);
  const name = (card.format === 2 ? `${card.source.dataset} (nnU-Net)` : card.parts.map((part) => part.name).join(' + ')).slice(0, 200);
  const taken = new Set(listModels(project.read).map((model) => model.name));
  if (!taken.has(name)) return name;
  for (let n = 2; ; n++) if (!taken.has(`${name} ${n}`)) return `${name} ${n}`;
}
