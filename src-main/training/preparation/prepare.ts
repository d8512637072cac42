import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { defined } from '#shared/base/defined.ts';
import { StudioError } from '#shared/base/errors.ts';
import { fileName } from '#shared/base/fileName.ts';
import { Random } from '#shared/base/random.ts';
import { labelSetFrom, splitIgnored, type LabelSet } from '#shared/domain/labelSet.ts';
import { learnedScans } from '#main/inference/scanLook.ts';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import { intensityRules, type LearnedScans, type ModelCard } from '#shared/domain/modelCard.ts';
import { insideOf, regionsText } from '#shared/domain/regions.ts';
import { recipeLoss, recipes } from '#shared/domain/trainConfig.ts';
import type { SkippedCase } from '#shared/domain/trainingCase.ts';
import type { Work } from '#shared/domain/work.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { NetworkConfig } from '#main/model/networkConfig.ts';
import { fingerprintDataset, type DatasetFingerprint } from '../fingerprint.ts';
import { IGNORED_CLASS, isCase } from '../patches/caseFile.ts';
import { chooseLoss, classSharesOf, slicesText, type TrainingPlan } from '../trainingPlan.ts';
import { CasePreparation, type CaseLook, type WantedChannels } from './labelledCases.ts';
import { goOn, ownBasis } from './networkBasis.ts';
import type { PreparationSettings } from './preparationSettings.ts';
import { prepareScans } from './scans.ts';
import { markedShareOf, setApart, type Turn } from './setApart.ts';

/** Folder, within that of the checkpoint, of scans without masks. */
const UNLABELLED = 'unlabelled';

/** One class is the background, and one number is left for what is ignored. */
const mostLabels = IGNORED_CLASS - 1;
/** As a model's folder takes them. */
const mostChannels = 16;

/** What a first attempt decided and later ones keep. */
export interface Preparation {
  readonly variant: string;
  readonly architecture: NetworkConfig;
  readonly labelSet: LabelSet;
  readonly classToLabel: readonly number[];
  readonly plan: TrainingPlan;
  readonly training: readonly { readonly name: string; readonly file: string; readonly classes: readonly number[] }[];
  readonly validation: readonly { readonly name: string; readonly file: string }[];
  /** Scans without masks; absent in what earlier versions wrote. */
  readonly unlabelled?: readonly { readonly name: string; readonly file: string }[];
  /** What one earlier version set apart; absent since, and where nothing was. */
  readonly apart?: readonly { readonly name: string; readonly file: string }[];
  /** What is set apart in turn; absent where nothing is, and in what earlier versions wrote. */
  readonly turns?: readonly Turn<{ readonly name: string; readonly file: string; readonly classes: readonly number[] }>[];
  readonly skipped: readonly SkippedCase[];
  /** Absent in what earlier versions wrote, and where a model goes on that does not say what it learned from. */
  readonly scans?: LearnedScans;
  readonly datasetHash: string;
  readonly startedAt: string;
}

/**
 * What an earlier attempt decided; its case files lie in the folder's `cases`, wherever the folder is by now. Undefined where there is none
 * or a case file is damaged or of an earlier version: it is then prepared again.
 */
export async function readPreparation(folder: string): Promise<Preparation | undefined> {
  const text = await readFile(join(folder, 'preparation.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // Version 0.1.0 wrote whole paths, of which only the name counts, and called what was skipped `leftOut`.
  const { leftOut = [], ...stored } = JSON.parse(text) as Preparation & { readonly leftOut?: Preparation['skipped'] };
  const preparation = withFiles({ ...stored, skipped: stored.skipped ?? leftOut }, (folderOf, file) =>
    join(folder, folderOf, 'cases', fileName(file)),
  );
  const { training, validation, unlabelled = [], apart = [], turns = [] } = preparation;
  const files = [...training, ...validation, ...unlabelled, ...apart, ...turns.flatMap((turn) => [...turn.training, ...turn.apart])];
  return files.every(({ file }) => isCase(file)) ? preparation : undefined;
}

function withFiles(preparation: Preparation, place: (within: string, file: string) => string): Preparation {
  const placed = <Row extends { readonly file: string }>(rows: readonly Row[], within = ''): Row[] =>
    rows.map((row) => ({ ...row, file: place(within, row.file) }));
  return {
    ...preparation,
    training: placed(preparation.training),
    validation: placed(preparation.validation),
    unlabelled: placed(preparation.unlabelled ?? [], UNLABELLED),
    ...(preparation.apart && { apart: placed(preparation.apart) }),
    ...(preparation.turns && {
      turns: preparation.turns.map(({ training, apart }) => ({ training: placed(training), apart: placed(apart) })),
    }),
  };
}

/** Reads and writes the cases and decides the plan; kept in the checkpoint folder, where the training finds it. */
export async function prepare(
  executor: Executor,
  settings: PreparationSettings,
  checkpointFolder: string,
  model: ModelCard | ImportedModelCard | undefined,
  work: Pick<Work, 'alarm' | 'cancellation' | 'report' | 'turn'>,
): Promise<Preparation> {
  const from = model?.format === 1 ? model : undefined;
  const preparing = new CasePreparation();
  const given = settings.labelSet && splitIgnored(settings.labelSet);
  const ignore = settings.ignore ?? given?.ignore;
  const wanted = model?.format === 2 ? importedChannels(model) : wantedChannels(settings, from);
  const looks = await preparing.look(
    settings.cases,
    given?.labelSet.labels.map(({ value }) => value),
    settings.modality,
    work,
    ignore,
    wanted,
  );
  for (const note of preparing.notes) work.alarm('info', note);
  for (const { reason } of preparing.skipped) work.alarm('warning', `Left out: ${reason}`);
  if (looks.length === 0)
    throw new StudioError(
      'invalid-file',
      `None of the ${settings.cases.length} cases can be used${preparing.skipped[0] ? `; the first: ${preparing.skipped[0].reason}` : '.'}`,
    );
  const labelSet = given?.labelSet ?? labelSetOf(looks, model?.labelSet);
  if (labelSet.labels.length === 0) throw new StudioError('invalid-file', 'The masks hold no label at all: there is nothing to learn.');
  if (labelSet.labels.length > mostLabels)
    throw new StudioError('unsupported', `${labelSet.labels.length} labels are more than a network here can tell apart (${mostLabels}).`);
  const classToLabel = [0, ...labelSet.labels.map(({ value }) => value).sort((a, b) => a - b)];
  const fingerprint = fingerprintDataset(looks.map((look) => look.fingerprint));
  const { name, architecture, ...basis } =
    model?.format === 2
      ? goOn(settings, executor, model, classToLabel, fingerprint, work)
      : ownBasis(settings, executor, from, classToLabel, fingerprint, wanted, work);
  const classShares = classSharesOf(fingerprint, classToLabel);
  const { classWeightPower, classWeightLimit } = {
    ...recipes[settings.recipe],
    // As nnU-Net trained it: every voxel alike.
    ...(model?.format === 2 && { classWeightPower: 0 }),
    ...defined(settings.adjust ?? {}),
  };
  const plan: TrainingPlan = {
    ...basis,
    classShares,
    loss: chooseLoss(
      settings.loss ?? recipeLoss[settings.recipe],
      classShares,
      defined({ classWeightPower, classWeightLimit }),
      insideOf(labelSet, classToLabel),
    ),
  };
  for (const { name, without } of lackedChannels(fingerprint, wanted))
    work.alarm(
      'warning',
      `“${name}” is missing in ${without} of ${looks.length} cases: it is 0 there, and left out of a quarter of the patches of the others.`,
    );
  const byRegion = regionsText(labelSet);
  if (byRegion !== undefined) work.alarm('info', byRegion);
  if (plan.slices !== undefined) work.alarm('info', slicesText(plan.spacing, plan.slices));
  if (plan.oneSided) work.alarm('info', 'Left and right are not mirrored: in every case some label lies to the same side of another.');
  const local = intensityRules(plan).find(({ kind }) => kind === 'local');
  if (local?.kind === 'local')
    work.alarm(
      'info',
      `Intensities count relative to what lies within ${local.millimetres} mm${local.sliceAxis === undefined ? '' : ' in the same slice'}, since the brightness of such scans changes over the image.`,
    );
  const files = await preparing.write(looks, join(checkpointFolder, 'cases'), plan, classToLabel, work, ignore, wanted);
  const validating = new Set(settings.validation ?? drawValidation(looks, settings.validationFraction, settings.seed));
  const rows = looks.map((look, index) => ({ name: look.case.name, file: files[index] ?? '', classes: classesOf(look, classToLabel) }));
  const training = rows.filter((row) => !validating.has(row.name));
  if (training.length === 0)
    throw new StudioError('invalid-argument', 'All cases are set aside for validation: there is none left to train on.');
  const turns = settings.interpolate === true && model !== undefined ? await setApart(training, settings.seed) : undefined;
  const markedShare = turns?.length === 2 ? markedShareOf(turns.flatMap((turn) => turn.training)) : fingerprint.markedShare;
  const scans = await prepareScans(settings.unlabelled ?? [], join(checkpointFolder, UNLABELLED), plan, work);
  const preparation: Preparation = {
    variant: name,
    architecture,
    labelSet,
    classToLabel,
    plan: markedShare < 1 ? { ...plan, markedShare } : plan,
    // What a single turn leaves out never trains.
    training: turns?.length === 1 ? (turns[0]?.training ?? training) : training,
    ...(turns && { turns }),
    unlabelled: scans.prepared.map(({ id, file }) => ({ name: id, file })),
    skipped: [...preparing.skipped, ...scans.skipped],
    ...(model?.format !== 2 &&
      knowsItsScans(from) && {
        scans: learnedScans(
          looks.flatMap((look) => (validating.has(look.case.name) || look.scan === undefined ? [] : [look.scan])),
          plan.intensity,
          from?.scans,
        ),
      }),
    validation: rows.filter((row) => validating.has(row.name)),
    datasetHash: createHash('sha256')
      .update(
        looks
          .map(({ hash }) => hash)
          .sort()
          .join(),
      )
      .digest('hex'),
    startedAt: new Date().toISOString(),
  };
  await writeFileAtomically(
    join(checkpointFolder, 'preparation.json'),
    JSON.stringify(withFiles(preparation, (_within, file) => basename(file))),
  );
  return preparation;
}

/** Whether what a model learns from now is all that it ever learned from, beside what its card says. */
function knowsItsScans(from: ModelCard | undefined): boolean {
  return from === undefined || from.history.length === 0 || from.scans !== undefined;
}

const importedChannels = ({ pipeline }: ImportedModelCard): WantedChannels => ({
  names: pipeline.channels.map(({ name }) => name),
  optional: [],
});

function wantedChannels({ channels, missingChannels }: PreparationSettings, from: ModelCard | undefined): WantedChannels | undefined {
  const names = from === undefined ? channels : from.channels?.map(({ name }) => name);
  if (names === undefined) return undefined;
  if (new Set(names.map((name) => name.toLowerCase())).size !== names.length || names.length === 0 || names.length > mostChannels)
    throw new StudioError('invalid-argument', `A network takes 1 to ${mostChannels} images of a case, each with a name of its own.`);
  const optional = missingChannels === 'zeros' ? names : (from?.channels ?? []).flatMap(({ name, optional }) => (optional ? [name] : []));
  return { names, optional };
}

/** Throws `invalid-file` where no case has a channel. */
function lackedChannels({ channels, cases }: DatasetFingerprint, wanted: WantedChannels | undefined): { name: string; without: number }[] {
  return (wanted?.names ?? []).flatMap((name, n) => {
    const having = channels[n]?.cases ?? 0;
    if (having === 0) throw new StudioError('invalid-file', `No case has an image “${name}”: there is nothing to learn of it.`);
    return having < cases ? [{ name, without: cases - having }] : [];
  });
}

function classesOf(look: CaseLook, classToLabel: readonly number[]): number[] {
  return Object.keys(look.fingerprint.labelVoxels).map((value) => classToLabel.indexOf(Number(value)));
}

/**
 * A seeded part of the cases, at least one of them (where there are two and any are wanted). They are neighbours by name, because
 * neighbours are often of one patient (left and right, follow-ups), who should not both train and validate.
 */
function drawValidation(looks: readonly CaseLook[], fraction: number, seed: number): string[] {
  const names = looks.map((look) => look.case.name).sort();
  const count = fraction === 0 || names.length < 2 ? 0 : Math.min(names.length - 1, Math.max(1, Math.round(fraction * names.length)));
  const first = new Random(seed ^ 0x5eed).integer(names.length);
  return Array.from({ length: count }, (_, index) => names[(first + index) % names.length] ?? '');
}

/** What the masks hold, by the names of the model that goes on, where it knows them. */
function labelSetOf(looks: readonly CaseLook[], known: LabelSet | undefined): LabelSet {
  const values = [...new Set(looks.flatMap(({ fingerprint }) => Object.keys(fingerprint.labelVoxels).map(Number)))].sort((a, b) => a - b);
  return labelSetFrom(
    values.map((value) => {
      const { name = `Label ${value}`, inside } = known?.labels.find((label) => label.value === value) ?? {};
      return { value, name, ...(inside !== undefined && values.includes(inside) && { inside }) };
    }),
  );
}
