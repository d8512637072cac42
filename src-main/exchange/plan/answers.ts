/** How a person answers what a plan asks, in sentences: the window and the command line have different ways. */
export interface PlanAnswers {
  /** For a label of this name or value that might be `example`, or for all of them. */
  readonly label: (label: string | null, example: string) => string;
  /** Which of so many volumes is taken. */
  readonly volumes: (count: number) => string;
  /** Images of one case lie in the same coordinates. */
  readonly coordinates: string;
}

export const inThePlan: PlanAnswers = {
  label: (label) =>
    label === null ? 'Say in the plan of the import which to take, and leave the others out.' : 'Say what it is in the plan of the import.',
  volumes: () => 'Say in the plan of the import which to take, or that they are the channels of one case.',
  coordinates: 'Where both lie in the same coordinates, say so in the plan of the import.',
};
