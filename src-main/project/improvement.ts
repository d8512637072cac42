import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { chooseHeldOut } from '#shared/domain/heldOut.ts';
import type { Case } from '#shared/domain/case.ts';
import type { ImprovePlan } from '#shared/domain/job.ts';
import { goesOn } from '#shared/domain/goesOn.ts';
import { sameChannelName } from '#shared/domain/caseImages.ts';
import { planImprove } from '#main/jobs/improvePlan.ts';
import { readJobFile } from '#main/jobs/jobFolder.ts';
import { submitJob } from '#main/jobs/run.ts';
import { readPretrained } from '#main/training/pretrained/pretrained.ts';
import {
  acceptancesOf,
  everyCase,
  getLabelSet,
  imagesByCase,
  latestMaskRevision,
  latestPrediction,
  listModels,
  newId,
  promotedModel,
  recordEvent,
  updateCase,
  type Project,
} from '#main/library/index.ts';
import { channelsOfCard, commonChannels, filesOfCase, lackedImages, type ProjectChannels } from './caseFiles.ts';
import { packImprovement, type Submit } from './handOver.ts';
import { readPointing } from './pointing/versions.ts';
import { namedImages, type NamedImages } from './projectImages.ts';
import type { ProjectSession } from './session.ts';

export interface ImproveOptions {
  readonly minutes: number;
  readonly device: string;
  /** 0: what the device offers. */
  readonly memoryBytes: number;
  /** Optimiser steps instead of the minutes, for results that repeat bit for bit. */
  readonly steps?: { readonly pretrain: number; readonly train: number };
  readonly threads?: number;
  readonly seed?: number;
  /** Of a first model; a later one is of the kind of the model in use. Beside an imported model in use a new one of this kind begins. */
  readonly variant?: string;
  /** Runs elsewhere instead of in the compute process. */
  readonly submit?: Submit;
  /**
   * Images of a case that the network takes, by name. Unless given: what the model in use takes, or for a first one those that every accepted case has.
   * Where it is not what the model in use takes, the new one begins anew.
   */
  readonly channels?: readonly string[];
  /** What becomes of a case that lacks one of them. */
  readonly missingChannels?: 'leaveOut' | 'zeros';
}

/** What is pre-trained on the scans without labels, kept between jobs; on disk it is called `learned`. */
export const pretrainedFolder = (project: Project): string => join(project.paths.folder, 'learned');

/** What improving would do with the cases as they are now. */
export async function planImprovement(
  project: Project,
  options: ImproveOptions,
): Promise<ImprovePlan & { readonly images: readonly PlannedImages[] }> {
  const cases = everyCase(project.read).filter(({ status }) => status !== 'excluded');
  const accepted = cases.filter(isAccepted);
  const further = new Set(await furtherHeldOut(project, accepted));
  const heldOut = accepted.filter((each) => each.heldOut || further.has(each.id));
  const current = promotedModel(project.read);
  const plan = planImprove({
    minutes: options.minutes,
    device: options.device,
    trainingCases: accepted.length - heldOut.length,
    validationCases: heldOut.length - notLookedAt(project, heldOut).size,
    unlabelledCases: cases.filter((each) => !isAccepted(each) && !each.heldOut).length,
    current:
      current === undefined ? null : { name: current.name, imported: current.card.format === 2, anew: !goesOn(current.card, options) },
    pretrainedCases: readPretrained(pretrainedFolder(project))?.cases.length ?? 0,
    memoryBytes: options.memoryBytes === 0 ? null : options.memoryBytes,
  });
  return {
    ...plan,
    remarks: [...plan.remarks, ...channelRemarks(project, accepted, options)],
    images: plannedImages(project, accepted, options),
  };
}

/** An image by its name, whether the network takes it, and which accepted cases lack it. */
export interface PlannedImages extends NamedImages {
  readonly isTaken: boolean;
}

/** Where cases have several images with names, or some were asked for. */
function plannedImages(project: Project, accepted: readonly Case[], options: ImproveOptions): PlannedImages[] {
  const { names = [] } = channelsFor(project, accepted, options);
  const found = namedImages(project, accepted);
  const unknown = names.filter((name) => !found.some((each) => sameChannelName(each.name, name)));
  const all = [...found, ...unknown.map((name) => ({ name, cases: 0, lacking: accepted.map((each) => each.name) }))];
  if (all.length < 2) return [];
  return all.map((each) => ({ ...each, isTaken: names.some((name) => sameChannelName(name, each.name)) }));
}

/** What the network takes of each case, and which cases lack it. */
function channelRemarks(project: Project, accepted: readonly Case[], options: ImproveOptions): string[] {
  const { names, some } = channelsFor(project, accepted, options);
  if (names === undefined) return [];
  const images = imagesByCase(project.read);
  const current = promotedModel(project.read);
  const wanted = current !== undefined && options.channels === undefined ? channelsOfCard(current) : names.map((name) => ({ name }));
  const lacked = accepted.flatMap(({ id }) => lackedImages(images.get(id) ?? [], wanted));
  const lacking = [...Map.groupBy(lacked, (name) => name)].map(([name, { length }]) => ({ name, cases: length }));
  return [
    `The network takes of each case: ${names.join(', ')}.`,
    ...lacking.map(
      ({ name, cases }) =>
        `“${name}” is missing in ${cases} of ${accepted.length} accepted cases: ${options.missingChannels === 'zeros' ? 'it is 0 there' : 'they are left out'}.`,
    ),
    ...some.map(({ name, cases }) => `“${name}” is in ${cases} of ${accepted.length} accepted cases alone, and is not used.`),
  ];
}

/** Of a model that begins from the one in use, that one's. */
function channelsFor(project: Project, accepted: readonly Case[], options: ImproveOptions): ProjectChannels {
  const { channels } = options;
  const current = promotedModel(project.read);
  if (channels !== undefined) return { names: channels, some: [] };
  if (current !== undefined && goesOn(current.card, options)) {
    const own = channelsOfCard(current);
    // A case's only image is taken, whatever an imported model of one channel calls it.
    return { names: own.length > (current.card.format === 2 ? 1 : 0) ? own.map(({ name }) => name) : undefined, some: [] };
  }
  const images = imagesByCase(project.read);
  return commonChannels(accepted.flatMap(({ id }) => [images.get(id) ?? []]));
}

/** Holds out what the comparison needs, and enqueues the job; resolves with its id. Throws `conflict` with the plan's first obstacle. */
export async function startImprovement({ project, queue }: ProjectSession, options: ImproveOptions): Promise<string> {
  const { obstacles } = await planImprovement(project, options);
  if (obstacles[0] !== undefined) throw new StudioError('conflict', obstacles[0]);
  const before = await holdOutFurther(project);
  const current = promotedModel(project.read);
  const { names } = channelsFor(project, before, options);
  const modelId = newId();
  const images = imagesByCase(project.read);
  const unseen = notLookedAt(project, before);
  const cases = everyCase(project.read)
    .filter(({ status }) => status !== 'excluded')
    .flatMap((each) => {
      const own = images.get(each.id);
      const files = filesOfCase(project, own);
      const mask = isAccepted(each) && !(each.heldOut && unseen.has(each.id)) ? latestMaskRevision(project.read, each.id) : undefined;
      return files === undefined
        ? []
        : [
            {
              id: each.id,
              name: each.name,
              ...files,
              contentHash: own?.[0]?.contentHash,
              mask: mask === undefined ? null : project.paths.inside(mask.path),
              heldOut: each.heldOut,
            },
          ];
    });
  const { submit } = options;
  const job = await submitJob(queue, {
    kind: 'improve',
    ...(submit !== undefined && { handOver: (each) => packImprovement(each, submit) }),
    title: `Improve the model (${options.minutes < 60 ? `${String(options.minutes)} min` : `${String(Math.round(options.minutes / 6) / 10)} h`})`,
    config: {
      cases,
      labelSet: getLabelSet(project.read),
      ...(names && { channels: [...names] }),
      ...given(options, 'missingChannels'),
      budget: options.steps === undefined ? { minutes: options.minutes } : { steps: options.steps },
      device: options.device,
      ...given(options, 'threads'),
      ...given(options, 'seed'),
      ...given(options, 'variant'),
      current: current === undefined ? null : { modelId: current.id, folder: project.paths.model(current.id) },
      modelId,
      modelFolder: project.paths.model(modelId),
      learnedFolder: pretrainedFolder(project),
      ...(options.memoryBytes === 0 ? {} : { memoryBudgetBytes: options.memoryBytes }),
    },
  });
  recordEvent(project.write, {
    kind: 'training',
    message: `Training began on ${String(cases.filter(({ mask, heldOut }) => mask !== null && !heldOut).length)} cases.`,
    detail: { jobId: job.id, ...(current === undefined ? {} : { from: current.weightsHash }) },
  });
  return job.id;
}

/** Orders the open cases by what labelling them would teach, in the background; resolves with the job's id, or null where there is nothing to order. */
export async function startRanking({ project, queue }: ProjectSession, device: string): Promise<string | null> {
  const all = everyCase(project.read);
  const open = all.filter(({ status }) => status === 'unlabelled' || status === 'predicted' || status === 'inCorrection');
  if (open.length < 2) return null;
  const model = promotedModel(project.read);
  const images = imagesByCase(project.read);
  // What an earlier model was unsure of says nothing about this one.
  const known = (caseId: string, uncertainty: number | null): number | null =>
    model !== undefined && latestPrediction(project.read, caseId)?.modelId === model.id ? uncertainty : null;
  const { id: jobId } = await submitJob(queue, {
    kind: 'rank',
    title: 'Find the next best case',
    config: {
      cases: open.flatMap(({ id, name, uncertainty }) => {
        const files = filesOfCase(project, images.get(id));
        return files === undefined ? [] : [{ id, name, ...files, uncertainty: known(id, uncertainty) }];
      }),
      accepted: all.filter(isAccepted).map(({ id }) => id),
      model: model === undefined ? null : project.paths.model(model.id),
      learnedFolder: pretrainedFolder(project),
      device,
    },
  });
  return jobId;
}

/** The entry as an object, where it is given. */
function given<Key extends keyof ImproveOptions>(options: ImproveOptions, key: Key): Pick<ImproveOptions, Key> | Record<never, never> {
  return options[key] === undefined ? {} : { [key]: options[key] };
}

export function isAccepted(each: Case): boolean {
  return each.status === 'accepted' && each.hasMask;
}

/** Of these cases, those at whose newest mask nobody has looked: they may train, and never measure. */
export function notLookedAt(project: Project, cases: readonly Case[]): Set<string> {
  const how = acceptancesOf(
    project.read,
    cases.map(({ id }) => id),
  );
  return new Set([...how].filter(([, acceptance]) => acceptance === 'bulk' || acceptance === 'unseen').map(([id]) => id));
}

/** Holds out what a comparison needs, for good; the accepted cases as they were before. */
export async function holdOutFurther(project: Project): Promise<Case[]> {
  const accepted = everyCase(project.read).filter(isAccepted);
  for (const id of await furtherHeldOut(project, accepted)) updateCase(project.write, id, { heldOut: true });
  return accepted;
}

async function furtherHeldOut(project: Project, accepted: readonly Case[]): Promise<string[]> {
  const trained = await trainedCases(project);
  const unseen = notLookedAt(project, accepted);
  return chooseHeldOut(
    accepted.map(({ id, patientKey, heldOut }) => ({
      id,
      patient: patientKey,
      heldOut,
      trainedOn: trained.has(id),
      unseen: unseen.has(id),
      labels: Object.keys(latestMaskRevision(project.read, id)?.voxels ?? {}).map(Number),
    })),
    0,
  );
}

const trainingCases = v.object({ cases: v.array(v.object({ id: v.string(), mask: v.nullable(v.unknown()), heldOut: v.boolean() })) });

/** Cases that some model of the project, or its prompt network, has been trained on. */
async function trainedCases(project: Project): Promise<Set<string>> {
  const trained = new Set<string>();
  for (const { jobId } of [...listModels(project.read), ...readPointing(project).versions]) {
    if (jobId === null) continue;
    const file = await readJobFile(project.paths.job(jobId)).catch(() => null);
    const config = v.safeParse(trainingCases, file?.config);
    if (config.success) for (const { id, mask, heldOut } of config.output.cases) if (mask !== null && !heldOut) trained.add(id);
  }
  return trained;
}
