import * as v from 'valibot';
import { defineService } from './define.ts';
import { bytes, count, grid, id, list, nothing, text, timestamp } from './values.ts';

const editing = v.strictObject({ caseId: id, session: id });

/**
 * The mask that a person corrects. The window edits its own copy (src-shared/segmentation `SegmentationDocument`) and hands over each
 * journal record; what is acknowledged is on disk. Undo and redo are records, too, so that they survive a restart.
 */
export const document = defineService({
  methods: {
    /** Opens (or begins) the case's mask for editing: the state for `SegmentationDocument.restore`. Ends any other window's session on it. */
    open: {
      input: v.strictObject({ caseId: id }),
      output: v.strictObject({
        caseId: id,
        /** Names this window's right to edit; the calls below need it. */
        session: id,
        grid,
        /** `encodeMask` of the mask as it is. */
        mask: bytes,
        /** The encoded undo and redo history. */
        history: bytes,
        /** The mask as it was last accepted is older than the mask as it is. */
        changedSinceAccepted: v.boolean(),
        /** Set when work of a session that did not end well was brought back: what was recovered, in a sentence. */
        recovered: v.nullable(v.strictObject({ at: timestamp, changes: count, message: text(1000) })),
      }),
    },
    /**
     * Appends journal records in the order they were made; answers when they are on disk. `sequence` counts the records sent before
     * in this session. `conflict` when the session has ended or the sequence has a gap: open again.
     */
    append: {
      input: v.strictObject({ ...editing.entries, sequence: count, records: v.pipe(list(bytes, 256), v.minLength(1)) }),
      output: v.strictObject({ sequence: count }),
    },
    /** Writes a snapshot now, so that reopening is quick. */
    snapshot: { input: editing, output: nothing },
    /** Keeps the mask as it is on disk now as the case's accepted segmentation: the truth that training uses. */
    accept: { input: v.strictObject({ ...editing.entries, sequence: count }), output: v.strictObject({ revisionId: id, acceptedAt: timestamp }) },
    close: { input: editing, output: nothing },
  },
  events: {
    /** Another window took over; this session's changes are refused from now on. */
    sessionEnded: editing,
  },
});
