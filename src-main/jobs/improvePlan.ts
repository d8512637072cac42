import type { ImprovePlan, PlanStep } from '#shared/domain/job.ts';

export type BudgetName = 'quick' | 'standard' | 'overnight';
const budgets: Readonly<Record<BudgetName, number>> = { quick: 10, standard: 60, overnight: 540 };

/** Minutes of a budget as the contract names it. */
export function budgetMinutes(budget: { readonly kind: BudgetName } | { readonly kind: 'minutes'; readonly minutes: number }): number {
  return budget.kind === 'minutes' ? budget.minutes : budgets[budget.kind];
}

export interface ImproveRequest {
  readonly minutes: number;
  /** The device's name, for the person. */
  readonly device: string;
  /** Accepted cases that may train, and those that are held out. */
  readonly trainingCases: number;
  readonly validationCases: number;
  readonly unlabelledCases: number;
  /** The model in use. `imported`: pre-training makes no backbone for its network. `anew`: it is compared with, and a new model begins beside it. */
  readonly current: { readonly name: string; readonly imported?: boolean; readonly anew?: boolean } | null;
  /** Scans that the stored backbone was pre-trained on; 0 where there is none for this kind of network. */
  readonly pretrainedCases: number;
  readonly memoryBytes: number | null;
}

/** What the job does, as the plan decided it. */
export interface ImproveSchedule {
  readonly pretrain: boolean;
  readonly startsFrom: 'current' | 'backbone' | 'nothing';
  readonly minutes: { readonly cluster: number; readonly pretrain: number; readonly train: number; readonly compare: number };
}

/** Fewer scans than this are not worth clustering. */
const SCANS_TO_PRETRAIN = 20;
/** Pre-training takes its share only of budgets from here on. */
const MINUTES_TO_PRETRAIN = 8;
/** With a model in use, a short budget goes to its fine-tuning alone. */
const MINUTES_TO_PRETRAIN_AGAIN = 30;
/** Accepted cases of which one is held out. */
const CASES_TO_MEASURE = 3;
/** Scans added since the last pre-training, as a part of those it saw, that make it worth doing again. */
const MUCH_ADDED = 0.25;

/** Decides from what there is. Pure: the job decides with the same function, so that it does what was shown. */
export function scheduleImprove(request: ImproveRequest): ImproveSchedule {
  const scans = request.trainingCases + request.unlabelledCases;
  const stale = request.pretrainedCases === 0 || scans - request.pretrainedCases > MUCH_ADDED * request.pretrainedCases;
  const time = request.minutes >= (request.current === null ? MINUTES_TO_PRETRAIN : MINUTES_TO_PRETRAIN_AGAIN);
  const goesOn = request.current !== null && request.current.anew !== true;
  const pretrain =
    !(goesOn && request.current?.imported === true) &&
    scans >= SCANS_TO_PRETRAIN &&
    request.unlabelledCases > request.trainingCases / 2 &&
    stale &&
    time;
  const startsFrom = pretrain ? 'backbone' : goesOn ? 'current' : request.pretrainedCases > 0 ? 'backbone' : 'nothing';
  return { pretrain, startsFrom, minutes: shareMinutes(request.minutes, pretrain) };
}

/** How a budget is shared between the phases. */
export function shareMinutes(minutes: number, pretrain: boolean): ImproveSchedule['minutes'] {
  const compare = Math.min(0.1 * minutes, Math.max(0.5, 0.05 * minutes));
  const rest = minutes - compare;
  const cluster = pretrain ? 0.08 * rest : 0;
  const pretraining = pretrain ? 0.32 * rest : 0;
  return { cluster, pretrain: pretraining, train: rest - cluster - pretraining, compare };
}

/** The same decision with its reasons, for the person to see before it begins. */
export function planImprove(request: ImproveRequest): ImprovePlan {
  const schedule = scheduleImprove(request);
  const { pretrain, minutes } = schedule;
  const scans = request.trainingCases + request.unlabelledCases;
  const start = { current: request.current?.name ?? '', backbone: 'the pre-trained backbone', nothing: 'fresh weights' }[
    schedule.startsFrom
  ];
  const steps: PlanStep[] = [
    ...(pretrain
      ? [
          {
            phase: 'Cluster the slices of all scans',
            minutes: minutes.cluster,
            reason: `${scans} scans, ${request.unlabelledCases} of them unlabelled; their clusters are what pre-training learns to tell apart, and what the next case is chosen by.`,
          },
          {
            phase: 'Pre-train on masked scans',
            minutes: minutes.pretrain,
            reason:
              request.pretrainedCases === 0
                ? 'Not done yet for these scans.'
                : `${scans - request.pretrainedCases} scans were added since it was done for ${request.pretrainedCases}.`,
          },
        ]
      : []),
    { phase: 'Fine-tune', minutes: minutes.train, reason: `${count(request.trainingCases, 'accepted case')}, starting from ${start}.` },
    {
      phase: 'Compare',
      minutes: minutes.compare,
      reason:
        request.validationCases === 0
          ? 'No case is held out to compare on.'
          : `${count(request.validationCases, 'held-out case')} that ${request.validationCases === 1 ? 'is' : 'are'} never trained on; ${request.current === null ? 'there is no model in use to compare with yet' : `against ${request.current.name}`}.`,
    },
  ];
  return {
    minutes: request.minutes,
    device: request.device,
    steps,
    trainingCases: request.trainingCases,
    validationCases: request.validationCases,
    unlabelledCases: request.unlabelledCases,
    memoryBytes: request.memoryBytes,
    startsFrom: start,
    obstacles: obstacles(request),
    remarks: remarks(request, schedule),
  };
}

function obstacles({ trainingCases, validationCases, current }: ImproveRequest): string[] {
  const all: string[] = [];
  const accepted = trainingCases + validationCases;
  // A model in use can be improved a little by a case or two; what it comes to is then not measured.
  if (accepted < CASES_TO_MEASURE && current === null)
    all.push(`Accept at least ${CASES_TO_MEASURE} cases first (${accepted} so far): one is held out to measure, the others train.`);
  else if (accepted === 0) all.push('Accept a case first: there is nothing to learn from yet.');
  else if (trainingCases === 0) all.push('Every accepted case is held out. Accept more cases, or release one in the list of cases.');
  else if (validationCases === 0 && accepted >= CASES_TO_MEASURE)
    all.push('No accepted case is held out, so that a gain could not be told from a loss. Hold one out in the list of cases.');
  return all;
}

function remarks(
  { trainingCases, validationCases, unlabelledCases, minutes, current }: ImproveRequest,
  { pretrain, startsFrom }: ImproveSchedule,
): string[] {
  const all: string[] = [];
  if (validationCases === 0 && trainingCases > 0 && current !== null)
    all.push('Not measured: no case is held out before three are accepted. Look at some predictions before you use the new model.');
  if (startsFrom === 'current')
    all.push(
      trainingCases >= 5
        ? 'The new model lies between the model in use and the fine-tuned one: a fifth of the training cases do not train and choose how much of what is new counts.'
        : 'The new model lies between the model in use and the fine-tuned one: the training cases’ slices are left out in turn, a third at one end and then at the other, and choose how much of what is new counts. That can be nothing: the model then stays as it is.',
    );
  if (startsFrom === 'current' && current?.imported === true && validationCases > 0)
    all.push(
      'What the imported model had learned from is not known here: where held-out cases were among it, it measures better than it is.',
    );
  if (validationCases > 0 && validationCases < 5)
    all.push(`With ${count(validationCases, 'held-out case')} the comparison is rough; it sharpens as more cases are accepted.`);
  if (!pretrain && unlabelledCases >= SCANS_TO_PRETRAIN && minutes < MINUTES_TO_PRETRAIN_AGAIN)
    all.push('The unlabelled scans are not pre-trained on within so short a budget.');
  const accepted = trainingCases + validationCases;
  if (trainingCases > 0 && current !== null && startsFrom === 'current' && accepted < 5)
    all.push(
      `From ${count(accepted, 'accepted case')} expect little, and often nothing: no more is changed than does better on what was left out.`,
    );
  if (trainingCases > 0 && trainingCases < 5) all.push('With so few training cases every further accepted case helps more than time does.');
  return all;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
