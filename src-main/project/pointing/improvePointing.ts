import { StudioError } from '#shared/base/errors.ts';
import { submitJob } from '#main/jobs/run.ts';
import { everyCase, getLabelSet, imagesByCase, latestMaskRevision, recordEvent } from '#main/library/index.ts';
import { filesOfCase } from '../caseFiles.ts';
import { holdOutFurther, isAccepted, notLookedAt } from '../improvement.ts';
import { promptNetwork } from '../promptNetwork.ts';
import type { ProjectSession } from '../session.ts';
import { readPointing } from './versions.ts';

export interface PointingOptions {
  readonly budget: { readonly minutes: number } | { readonly steps: number };
  readonly device: string;
  /** What comes of it is put in use whatever the comparison says. */
  readonly despite?: boolean | undefined;
  readonly threads?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * Lets the prompt network in use, or a new one where there is none, learn from the project's accepted cases, in the background: those that are held out measure, as
 * they do for models. Resolves with the job's id. Throws `conflict` where no case could train.
 */
export async function startPointing({ project, queue, dataFolder }: ProjectSession, options: PointingOptions): Promise<string> {
  const network = await promptNetwork(dataFolder, project);
  await holdOutFurther(project);
  const accepted = everyCase(project.read).filter(isAccepted);
  const unseen = notLookedAt(project, accepted);
  const images = imagesByCase(project.read);
  const cases = accepted.flatMap(({ id, name, heldOut }) => {
    const files = filesOfCase(project, images.get(id));
    const mask = heldOut && unseen.has(id) ? undefined : latestMaskRevision(project.read, id);
    return files === undefined || mask === undefined ? [] : [{ id, name, ...files, mask: project.paths.inside(mask.path), heldOut }];
  });
  const training = cases.filter(({ heldOut }) => !heldOut).length;
  if (training === 0)
    throw new StudioError('conflict', 'There is no accepted case to learn pointing from. Correct a case and accept it first.');
  const { budget, device, despite = false, threads, seed } = options;
  const job = await submitJob(queue, {
    kind: 'improvePrompts',
    title: `Improve pointing (${'minutes' in budget ? `${String(Math.round(budget.minutes * 10) / 10)} min` : `${String(budget.steps)} steps`})`,
    config: {
      cases,
      labelSet: getLabelSet(project.read),
      current: network === null ? null : { modelId: readPointing(project).inUse ?? 'computer', folder: network.folder },
      budget,
      device,
      despite,
      ...(threads !== undefined && { threads }),
      ...(seed !== undefined && { seed }),
    },
  });
  recordEvent(project.write, {
    kind: 'training',
    message: `Pointing began to learn from ${String(training)} cases.`,
    detail: { jobId: job.id },
  });
  return job.id;
}
