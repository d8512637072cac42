import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { toWireError } from '#shared/base/errors.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { inThePlan, type PlanAnswers } from './answers.ts';
import { caseNames } from './caseNames.ts';
import { plannedCase } from './draft.ts';
import { GroupDrafter } from './draftGroups.ts';
import { Drafts } from './drafts.ts';
import { explained } from './explained.ts';
import { SegmentationDrafter } from './draftSegmentations.ts';
import { gatherFiles, type Gathered, type Joining, type VolumeChoice } from './gatherFiles.ts';
import type { ImportPlan } from './importPlan.ts';
import type { ImportTarget } from './importTarget.ts';
import { joinNumbered } from './joinNumbered.ts';
import { joinStudies } from './joinStudies.ts';
import { orderOfOverlaps, withOnly } from './overlapOrder.ts';
import { admitLabels, planLabels, withChoices, withOuter, type LabelChoices, type PlannedLabel, type ProjectLabels } from './mapLabels.ts';

export interface PlanOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  /** What a person said of labels. */
  readonly choices?: LabelChoices;
  /** Other imports than this one may need some of them. */
  readonly choicesMayBeUnused?: boolean;
  readonly answers?: PlanAnswers;
  /** Labels by name that are taken; none: all. */
  readonly only?: readonly string[];
  /** Labels by name or key that have the voxels where several lie, from the front. */
  readonly overlapOrder?: readonly string[];
  /** Of files and series that hold several volumes; those that a description names, all together, where not given. */
  readonly volume?: VolumeChoice;
  /** Images of one case that lie on other voxels lie where their headers say. */
  readonly sameCoordinates?: boolean;
  /** DICOM series of one study and frame of reference are one case. */
  readonly studies?: boolean;
  /** Files that are numbered like nnU-Net's channels, outside its folders, are images of one case; where not given, as `joinNumbered` proposes. */
  readonly numbered?: boolean | null;
}

/** Finds out what an import of these files and folders will do, and does nothing. One file that cannot be read is refused and stops nothing. */
export async function planImport(sources: readonly string[], target: ImportTarget, options: PlanOptions): Promise<ImportPlan> {
  const { report, cancellation, answers = inThePlan } = options;
  const joining: Joining = {
    volume: options.volume ?? null,
    sameCoordinates: options.sameCoordinates === true,
    studies: options.studies === true,
    numbered: options.numbered ?? null,
  };
  const gathered = await gatherFiles(sources, {
    cancellation,
    volume: joining.volume,
    answers,
    report: (progress) => {
      report({ ...progress, fraction: 0.2 * progress.fraction });
    },
  });
  const drafts = new Drafts(cancellation, gathered.skipped);
  const images = new GroupDrafter(drafts, target, joining, answers);
  const segmentations = new SegmentationDrafter(drafts, target);
  // A case of several images before one that has one of them alone.
  const groups = gathered.groups.toSorted((a, b) => b.images.length - a.images.length);
  const steps = groups.length + gathered.segmentations.length;
  let done = 0;
  const next = (): void => {
    throwIfCancelled(cancellation);
    report({
      phase: 'Looking into files',
      detail: `${String(done + 1)} of ${String(steps)}`,
      fraction: 0.2 + (0.8 * done++) / Math.max(1, steps),
    });
  };
  for (const group of groups) {
    next();
    await images.add(group);
  }
  await images.settle();
  const numbered = joinNumbered(drafts, joining);
  const studies = joinStudies(drafts, gathered.segmentations, joining);
  for (const { path, names } of gathered.lonely) await images.addLonely(path, names);
  for (const found of gathered.segmentations) {
    next();
    await segmentations.add(found);
  }
  return planOf(drafts, target, { ...gathered, studies, numbered }, options);
}

/** What was found, with the project's labels for that of the masks. */
async function planOf(
  drafts: Drafts,
  target: ImportTarget,
  { aside, several, studies, numbered, nested }: Gathered & Pick<ImportPlan, 'studies' | 'numbered'>,
  options: PlanOptions,
): Promise<ImportPlan> {
  const { choices = new Map(), choicesMayBeUnused, only = [], overlapOrder = [], answers } = options;
  const { labels: project } = target;
  const finished = await drafts.finished();
  const planned = withOuter(
    nested,
    planLabels(
      finished.flatMap(({ parts }) => (parts.length === 0 ? [] : [parts.flatMap((part) => part.labels)])),
      project,
    ),
  );
  const labels = explained(drafts.skipped, () => withChoices(withOnly(planned, only), choices, choicesMayBeUnused));
  const names = caseNames(finished, target.names);
  return {
    cases: finished.map((draft, n) => plannedCase(draft, names[n] ?? '')),
    labels,
    overlapOrder: orderOfOverlaps(
      finished.map(({ counted }) => counted),
      labels,
      overlapOrder,
    ),
    several,
    elsewhere: drafts.elsewhere,
    studies,
    numbered,
    duplicates: drafts.duplicates,
    skipped: drafts.skipped,
    aside,
    question: questionOf(labels, project, answers),
  };
}

/** What has to be answered before this plan can be carried out; null where nothing has. */
function questionOf(labels: readonly PlannedLabel[], project: ProjectLabels, answers: PlanAnswers | undefined): string | null {
  try {
    admitLabels(labels, project, answers?.label);
    return null;
  } catch (error) {
    return toWireError(error).message;
  }
}
