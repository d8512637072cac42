import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import * as v from 'valibot';
import type { Job } from '#shared/domain/job.ts';
import type { CaseMetric, ModelRecord } from '#shared/domain/model.ts';
import { readResult } from '#main/jobs/jobFolder.ts';
import { loadAnyModel } from '#main/model/modelFolder.ts';
import { copyDurably, replaceFolder, syncFolderSync } from '#main/files/durable.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { addModel, getCase, listModels, promoteModel, setMetrics, type Project } from '#main/library/index.ts';
import { readPretrained } from '#main/training/pretrained/pretrained.ts';
import { pretrainedFolder } from '../improvement.ts';
import type { AdoptionEvents } from './adoptionEvents.ts';

const trainingResult = v.object({
  modelId: v.optional(v.nullable(v.string())),
  trainingCases: v.optional(v.number(), 0),
  meanDice: v.optional(v.nullable(v.number()), null),
  parameters: v.optional(v.nullable(v.number()), null),
  /** Given where the model is already in its place. */
  modelFolder: v.optional(v.string()),
  /** How the new model did per held-out case and label. */
  metrics: v.optional(
    v.array(
      v.object({
        caseId: v.string(),
        label: v.number(),
        dice: v.nullable(v.number()),
        hd95: v.nullable(v.number()),
        volumeError: v.nullable(v.number()),
      }),
    ),
    [],
  ),
  comparison: v.optional(v.object({ meanAfter: v.nullable(v.number()) })),
  /** Accepted masks that disagree with everything learned. */
  suspectMasks: v.optional(v.array(v.object({ caseId: v.string(), reason: v.string() })), []),
});

/** Moves a trained model from its job's folder into the project's models and lists it. */
export async function adoptModel(project: Project, job: Job, folder: string, events: AdoptionEvents): Promise<void> {
  const result = v.parse(trainingResult, await readResult(folder));
  const id = result.modelId ?? job.id;
  if (!listModels(project.read).some((model) => model.id === id)) {
    const place = project.paths.model(id);
    // What ran elsewhere has its model in the job's own folder.
    const made = result.modelFolder ?? join(folder, 'out');
    const isElsewhere = relative(folder, made).split(sep)[0] !== '..';
    const { card, weightsHash } = isElsewhere ? await takeFiles(project, made, id) : await loadAnyModel(place);
    if (isElsewhere) await takePretrained(project, join(folder, 'learned'));
    const dice = result.comparison?.meanAfter ?? result.meanDice;
    listModel(
      project,
      {
        id,
        card,
        weightsHash,
        name: nextName(project),
        parameters: result.parameters,
        trainingCases: result.trainingCases,
        dice,
        jobId: job.id,
      },
      result.metrics,
    );
    for (const { caseId, reason } of result.suspectMasks) await events.problem(getCase(project.read, caseId).name, reason, caseId);
  }
  await events.modelsChanged();
  events.casesChanged(null);
}

/** What was pre-trained elsewhere takes the place of what the project has, so that it need not be done again. */
async function takePretrained(project: Project, from: string): Promise<void> {
  const learned = pretrainedFolder(project);
  const fresh = readPretrained(from);
  if (fresh !== undefined && fresh.key !== readPretrained(learned)?.key) {
    const before = `${learned}.before`;
    await rm(before, { recursive: true, force: true });
    if (existsSync(learned)) await rename(learned, before);
    await rename(from, learned);
    syncFolderSync(dirname(learned));
    await rm(before, { recursive: true, force: true });
  }
  await rm(from, { recursive: true, force: true });
}

/** Copies card and weights; the folder has its name only when it is complete. */
async function takeFiles(project: Project, from: string, id: string): Promise<{ card: ModelRecord['card']; weightsHash: string }> {
  const { card, weightsHash } = await loadAnyModel(from);
  await replaceFolder(
    project.paths.model(id),
    (incoming) => makeFolderBelow(project.paths.folder, incoming),
    (incoming) => {
      for (const name of ['weights.safetensors', 'model.json']) copyDurably(join(from, name), join(incoming, name));
    },
  );
  return { card, weightsHash };
}

/** The first model of a project is promoted at once, since there is none to be worse than. */
export function listModel(
  project: Project,
  model: Omit<Parameters<typeof addModel>[1], 'variant'> & { readonly id: string },
  metrics: readonly Omit<CaseMetric, 'modelId'>[],
): void {
  const first = listModels(project.read).length === 0;
  project.write.transaction(() => {
    addModel(project.write, { ...model, variant: model.card.variant });
    setMetrics(
      project.write,
      metrics.map((metric) => ({ modelId: model.id, ...metric })),
    );
    if (first) promoteModel(project.write, model.id);
  });
}

export function nextName(project: Project): string {
  return `Model ${String(listModels(project.read).length + 1)}`;
}
