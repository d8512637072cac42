import type { Accepting } from '../stores/accepting.svelte.ts';
import type { Studio } from '../stores/studio.svelte.ts';
import type { SliceDirection } from '../stores/throughSlices.svelte.ts';
import type { CaseActions } from './commands.ts';

/** What can be done with the open case; what goes wrong becomes a message. */
export function caseActions(studio: Studio, accepting: Accepting): CaseActions {
  const { activities } = studio;
  const changing =
    <T extends unknown[]>(act: (...of: T) => void): ((...of: T) => void) =>
    (...of) => {
      if (studio.mayChange()) act(...of);
    };
  const guarded = (act: () => unknown): void => {
    try {
      void act();
    } catch (error) {
      activities.fail(error);
    }
  };
  return {
    predict: changing(() => {
      const session = studio.session;
      if (session !== null)
        void activities.run('Predicting', async (context) => {
          await session.predict(context);
          if (studio.session === session) studio.appearance.setLook('prediction', { visible: true }); // What was asked for is seen.
        });
    }),
    takePrediction: changing(() => {
      const session = studio.session;
      if (session !== null) void activities.run('Using the prediction', (context) => session.takePrediction(context));
    }),
    accept: changing(() => accepting.begin(false)),
    acceptAndNext: changing(() => accepting.begin(true)),
    look: () => {
      const session = studio.session;
      if (session !== null) void activities.run('Looking for what was not shown', () => studio.lookNext(session));
    },
    undo: () =>
      guarded(() => {
        if (studio.session?.slices.back() === true) return;
        const name = studio.session?.editing.undo();
        if (typeof name === 'string') activities.spoken = `Undone: ${name}`;
      }),
    redo: () =>
      guarded(() => {
        const name = studio.session?.editing.redo();
        if (typeof name === 'string') activities.spoken = `Redone: ${name}`;
      }),
    goTo: (steps) => guarded(() => studio.session?.editing.goTo(steps)),
    settle: (keep) =>
      guarded(() => {
        const editing = studio.session?.editing;
        const proposal = editing?.proposal;
        editing?.settle(keep);
        if (keep && proposal !== null && proposal !== undefined)
          activities.say(`${proposal.name}: ${proposal.delta.changed.toLocaleString('en')} voxels changed.`);
      }),
    settlePrompts: (keep) =>
      guarded(() => {
        const prompting = studio.session?.prompting;
        if (prompting === undefined) return;
        if (prompting.slice !== null) studio.session?.slices.settle(keep);
        else if (!keep) prompting.drop();
        else activities.say(`Pointed out: ${prompting.accept().toLocaleString('en')} voxels changed.`);
      }),
    throughSlices: changing((direction: SliceDirection) => {
      const slices = studio.session?.slices;
      if (slices !== undefined) void slices.step(direction).catch((error: unknown) => activities.fail(error));
    }),
    tour: (step) => guarded(() => studio.session?.tour(step)),
  };
}
