import type { PlanAnswers } from '#main/exchange/plan/answers.ts';

/** On the command line, an import's questions are answered by options. */
export const byOptions: PlanAnswers = {
  label: (label, example) =>
    label === null
      ? 'Say which to leave out, with --map "NAME=" for each one.'
      : `Say what it is with --map "${label}=${example}" (--map "${label}=" leaves it out).`,
  volumes: (count) =>
    `Say which to take with --volume 1 to ${String(count)}; --volume each makes every one a case of the same patient, --volume channels all of them the channels of one case.`,
  coordinates: 'Where both lie in the same coordinates, say so with --same-coordinates.',
};
