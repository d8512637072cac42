import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, id, labelValue, list, nothing, text, timestamp } from './values.ts';

const namedCase = v.strictObject({ caseId: id, name: text(512) });
const keptCase = v.strictObject({ ...namedCase.entries, reason: text(1000) });
const outcome = v.strictObject({
  changed: list(namedCase, 1_000_000),
  /** Cases that stayed as they are, and why. */
  kept: list(keptCase, 1_000_000),
});
const replay = v.strictObject({ name: text(512), ...outcome.entries });

const edit = v.strictObject({
  from: labelValue,
  /** The label that it becomes; null: it is erased. */
  into: v.nullable(labelValue),
});

/**
 * What was done to the project as a whole, apart from strokes: changes of labels, what imports called them, exclusion and validation locks, and edits
 * of every mask. Kept over restarts; steps are taken back from the last one on.
 */
export const history = defineService({
  methods: {
    /** Oldest first; what was taken back comes last. */
    list: {
      input: nothing,
      output: v.strictObject({
        steps: list(
          v.strictObject({
            id: count,
            at: timestamp,
            who: text(256),
            kind: v.picklist(['labels', 'cases', 'edit', 'images']),
            name: text(512),
            state: v.picklist(['done', 'undone']),
          }),
          1000,
        ),
      }),
    },
    /**
     * Takes the last step back. An edit of every mask is taken back bit for bit, unless a case was edited since: that one stays and is named. `conflict`
     * where there is no step, masks hold a label that would go, or a case of an edit is open in a window.
     */
    undo: { changes: true, input: nothing, output: replay },
    redo: { changes: true, input: nothing, output: replay },
    /** The cases whose masks hold a label, as accepted last or in correction. Reports progress. */
    holding: {
      input: v.strictObject({ label: labelValue }),
      output: v.strictObject({
        cases: list(v.strictObject({ ...namedCase.entries, accepted: v.boolean(), inCorrection: v.boolean() }), 1_000_000),
      }),
    },
    /**
     * Turns a label into another, or erases it, in the masks of all cases: new revisions of what is accepted, a step in what is being corrected. One step
     * of this history, all or nothing. Reports progress. `conflict` where a case that holds it is open in a window, or a label is locked.
     */
    edit: { changes: true, input: edit, output: outcome },
  },
  events: { changed: nothing },
});
