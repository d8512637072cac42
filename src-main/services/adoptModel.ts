import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { Job } from '#shared/domain/job.ts';
import type { CaseMetric } from '#shared/domain/model.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { readResult } from '#main/jobs/jobFolder.ts';
import { loadModel } from '#main/jobs/tasks/modelFolder.ts';
import { copyDurably, syncFolder } from '#main/files/durable.ts';
import { addModel, getCase, listModels, newId, promoteModel, setMetrics, type Project } from '#main/library/index.ts';
import type { AdoptionEvents } from './jobResults.ts';

const trainingResult = v.object({
  modelId: v.optional(v.nullable(v.string())),
  trainingCases: v.optional(v.number(), 0),
  meanDice: v.optional(v.nullable(v.number()), null),
  parameters: v.optional(v.nullable(v.number()), null),
  /** Given where the model is already in its place. */
  modelFolder: v.optional(v.string()),
  /** How the new model did per held-out case and label. */
  metrics: v.optional(v.array(v.object({ caseId: v.string(), label: v.number(), dice: v.nullable(v.number()), hd95: v.nullable(v.number()), volumeError: v.nullable(v.number()) })), []),
  comparison: v.optional(v.object({ meanAfter: v.nullable(v.number()) })),
  /** Accepted masks that disagree with everything learned. */
  secondLook: v.optional(v.array(v.object({ caseId: v.string(), reason: v.string() })), []),
});

/** Moves a trained model from its job's folder into the project's models and lists it. */
export async function adoptModel(project: Project, job: Job, folder: string, events: AdoptionEvents): Promise<void> {
  const result = v.parse(trainingResult, await readResult(folder));
  const id = result.modelId ?? job.id;
  if (!listModels(project.read).some((model) => model.id === id)) {
    const place = project.paths.model(id);
    const { card, weightsHash } = result.modelFolder !== undefined ? await loadModel(place) : await takeFiles(project, join(folder, 'out'), id);
    const dice = result.comparison?.meanAfter ?? result.meanDice;
    list(project, { id, card, weightsHash, name: nextName(project), parameters: result.parameters, trainingCases: result.trainingCases, dice, jobId: job.id }, result.metrics);
    for (const { caseId, reason } of result.secondLook) await events.problem(getCase(project.read, caseId).name, reason, caseId);
  }
  await events.modelsChanged();
  events.casesChanged(null);
}

/** Copies a model's folder into the project and lists it; resolves with its id. Throws `not-found`, `invalid-file`. */
export async function importModel(project: Project, folder: string, name?: string): Promise<string> {
  const id = newId();
  const { card, weightsHash } = await takeFiles(project, folder, id);
  list(project, { id, card, weightsHash, name: name ?? nextName(project), parameters: null, trainingCases: card.history.at(-1)?.cases ?? 0, dice: null, jobId: null }, []);
  return id;
}

/** Copies card and weights; the folder has its name only when it is complete. */
async function takeFiles(project: Project, from: string, id: string): Promise<{ card: ModelCard; weightsHash: string }> {
  const { card, weightsHash } = await loadModel(from);
  const target = project.paths.model(id);
  const incoming = `${target}.incoming`;
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  for (const name of ['weights.safetensors', 'model.json']) copyDurably(join(from, name), join(incoming, name));
  await rm(target, { recursive: true, force: true });
  await rename(incoming, target);
  syncFolder(dirname(target));
  return { card, weightsHash };
}

/** The first model of a project is promoted at once, since there is none to be worse than. */
function list(project: Project, model: Omit<Parameters<typeof addModel>[1], 'variant'> & { readonly id: string }, metrics: readonly Omit<CaseMetric, 'modelId'>[]): void {
  const first = listModels(project.read).length === 0;
  project.write.transaction(() => {
    addModel(project.write, { ...model, variant: model.card.variant });
    setMetrics(project.write, metrics.map((metric) => ({ modelId: model.id, ...metric })));
    if (first) promoteModel(project.write, model.id);
  });
}

function nextName(project: Project): string {
  return `Model ${String(listModels(project.read).length + 1)}`;
}
