import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { chooseHeldOut } from '#shared/domain/heldOut.ts';
import type { Case } from '#shared/domain/case.ts';
import type { ImprovePlan } from '#shared/domain/job.ts';
import { planImprove } from '#main/jobs/improvePlan.ts';
import { readJobFile } from '#main/jobs/jobFolder.ts';
import { readPretrained } from '#main/jobs/tasks/learned.ts';
import {
  getLabelSet, latestMaskRevision, latestPrediction, listCases, listImages, listModels, newId, promotedModel, recordEvent, updateCase, type Project,
} from '#main/library/index.ts';
import { imagePaths } from './imageCache.ts';
import type { ProjectSession } from './workbench.ts';

export interface ImproveWish {
  readonly minutes: number;
  readonly device: string;
  /** 0: what the device offers. */
  readonly memoryBytes: number;
  /** Optimiser steps instead of the minutes, for results that repeat bit for bit. */
  readonly steps?: { readonly pretrain: number; readonly train: number };
  readonly threads?: number;
  readonly seed?: number;
  /** Of a first model; a later one is of the kind of the model in use. */
  readonly variant?: string;
}

export const learnedFolder = (project: Project): string => join(project.paths.folder, 'learned');

/** What improving would do with the cases as they are now. */
export async function planImprovement(project: Project, wish: ImproveWish): Promise<ImprovePlan> {
  const cases = everyCase(project).filter(({ status }) => status !== 'excluded');
  const accepted = cases.filter(isAccepted);
  const further = new Set(await furtherHeldOut(project, accepted));
  const heldOut = accepted.filter((each) => each.heldOut || further.has(each.id)).length;
  return planImprove({
    minutes: wish.minutes, device: wish.device, trainingCases: accepted.length - heldOut, validationCases: heldOut,
    unlabelledCases: cases.filter((each) => !isAccepted(each) && !each.heldOut).length,
    current: promotedModel(project.read) ?? null, pretrainedCases: readPretrained(learnedFolder(project))?.cases.length ?? 0,
    memoryBytes: wish.memoryBytes === 0 ? null : wish.memoryBytes,
  });
}

/** Holds out what the comparison needs, and puts the job in line; resolves with its id. Throws `conflict` with the plan's first obstacle. */
export async function startImprovement({ project, queue }: ProjectSession, wish: ImproveWish): Promise<string> {
  const { obstacles } = await planImprovement(project, wish);
  if (obstacles[0] !== undefined) throw new StudioError('conflict', obstacles[0]);
  const before = everyCase(project).filter(isAccepted);
  for (const id of await furtherHeldOut(project, before)) updateCase(project.write, id, { heldOut: true });
  const current = promotedModel(project.read);
  const modelId = newId();
  const images = new Map(listImages(project.read).map((image) => [image.caseId, image]));
  const cases = everyCase(project).filter(({ status }) => status !== 'excluded').flatMap((each) => {
    const image = images.get(each.id);
    const mask = isAccepted(each) ? latestMaskRevision(project.read, each.id) : undefined;
    return image === undefined ? [] : [{
      id: each.id, name: each.name, image: [...imagePaths(project, image)], contentHash: image.contentHash,
      mask: mask === undefined ? null : project.paths.inside(mask.path), heldOut: each.heldOut,
    }];
  });
  const job = await queue.submit({
    kind: 'improve',
    title: `Improve the model (${wish.minutes < 60 ? `${String(wish.minutes)} min` : `${String(Math.round(wish.minutes / 6) / 10)} h`})`,
    config: {
      cases, labelSet: getLabelSet(project.read), budget: wish.steps === undefined ? { minutes: wish.minutes } : { steps: wish.steps }, device: wish.device,
      ...given(wish, 'threads'), ...given(wish, 'seed'), ...given(wish, 'variant'),
      current: current === undefined ? null : { modelId: current.id, folder: project.paths.model(current.id) },
      modelId, modelFolder: project.paths.model(modelId), learnedFolder: learnedFolder(project),
      ...(wish.memoryBytes === 0 ? {} : { memoryBudgetBytes: wish.memoryBytes }),
    },
  });
  recordEvent(project.write, {
    kind: 'training', message: `Training began on ${String(cases.filter(({ mask, heldOut }) => mask !== null && !heldOut).length)} cases.`,
    detail: { jobId: job.id, ...(current === undefined ? {} : { from: current.weightsHash }) },
  });
  return job.id;
}

/** Orders the open cases by what labelling them would teach, in the background; resolves with the job's id, or null where there is nothing to order. */
export async function startRanking({ project, queue }: ProjectSession, device: string): Promise<string | null> {
  const all = everyCase(project);
  const open = all.filter(({ status }) => status === 'unlabelled' || status === 'predicted' || status === 'inCorrection');
  if (open.length < 2) return null;
  const model = promotedModel(project.read);
  const images = new Map(listImages(project.read).map((image) => [image.caseId, image]));
  // What an earlier model was unsure of says nothing about this one.
  const known = (caseId: string, uncertainty: number | null): number | null => (model !== undefined && latestPrediction(project.read, caseId)?.modelId === model.id ? uncertainty : null);
  const { id: jobId } = await queue.submit({
    kind: 'rank',
    title: 'Find the next best case',
    config: {
      cases: open.flatMap(({ id, name, uncertainty }) => {
        const image = images.get(id);
        return image === undefined ? [] : [{ id, name, image: [...imagePaths(project, image)], uncertainty: known(id, uncertainty) }];
      }),
      accepted: all.filter(isAccepted).map(({ id }) => id), model: model === undefined ? null : project.paths.model(model.id),
      learnedFolder: learnedFolder(project), device,
    },
  });
  return jobId;
}

/** The entry as an object, where it is given. */
function given<Key extends keyof ImproveWish>(wish: ImproveWish, key: Key): Pick<ImproveWish, Key> | Record<never, never> {
  return wish[key] === undefined ? {} : { [key]: wish[key] };
}

function isAccepted(each: Case): boolean {
  return each.status === 'accepted' && each.hasMask;
}

export function everyCase(project: Project): Case[] {
  const all: Case[] = [];
  for (;;) {
    const { cases } = listCases(project.read, { offset: all.length, limit: 1000 });
    all.push(...cases);
    if (cases.length < 1000) return all;
  }
}

async function furtherHeldOut(project: Project, accepted: readonly Case[]): Promise<string[]> {
  const trained = await trainedCases(project);
  return chooseHeldOut(accepted.map(({ id, patientKey, heldOut }) => ({
    id, patient: patientKey, heldOut, trainedOn: trained.has(id), labels: Object.keys(latestMaskRevision(project.read, id)?.voxels ?? {}).map(Number),
  })), 0);
}

const trainingCases = v.object({ cases: v.array(v.object({ id: v.string(), mask: v.nullable(v.unknown()), heldOut: v.boolean() })) });

/** Cases that some model of the project has been trained on. */
async function trainedCases(project: Project): Promise<Set<string>> {
  const trained = new Set<string>();
  for (const { jobId } of listModels(project.read)) {
    if (jobId === null) continue;
    const file = await readJobFile(project.paths.job(jobId)).catch(() => null);
    const config = v.safeParse(trainingCases, file?.config);
    if (config.success) for (const { id, mask, heldOut } of config.output.cases) if (mask !== null && !heldOut) trained.add(id);
  }
  return trained;
}
