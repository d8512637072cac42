import * as v from 'valibot';
import { defineService } from './define.ts';
import { bytes, count, grid, id, labelValue, list, nothing, text, timestamp } from './values.ts';

const editing = v.strictObject({ caseId: id, session: id });
const writer = v.strictObject({ session: id, sequence: count });
const question = v.strictObject({ empty: v.boolean(), missing: list(labelValue, 255) });
const records = v.pipe(list(bytes, 256), v.minLength(1));

/**
 * The mask that a person corrects. The window edits its own copy (src-shared/segmentation `SegmentationDocument`) and hands over each
 * journal record; what is acknowledged is on disk. Undo and redo are records, too, so that they survive a restart.
 */
export const document = defineService({
  methods: {
    /** The mask as it stands in correction (else as it was accepted last, else empty), as `encodeMask` writes it: to be held ready. Nobody's session ends. */
    read: { input: v.strictObject({ caseId: id }), output: v.strictObject({ mask: bytes }) },
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
        /** Who wrote last before this session: what `resume` asks for. */
        base: v.nullable(writer),
        /** The mask as it was last accepted is older than the mask as it is. */
        changedSinceAccepted: v.boolean(),
        /** Set when work of a session that did not end well was brought back: what was recovered, in a sentence. */
        recovered: v.nullable(v.strictObject({ at: timestamp, changes: count, message: text(1000) })),
      }),
    },
    /**
     * Hands over what a window still held when it went, before it opens the case again: records of its session behind `sequence`, made
     * on `base`. Ends any other window's session. As `append`, and `conflict` where others have written since.
     */
    resume: {
      changes: true,
      input: v.strictObject({ ...editing.entries, sequence: count, base: v.nullable(writer), records }),
      output: v.strictObject({ sequence: count }),
    },
    /**
     * Appends journal records in the order they were made; answers when they are on disk. `sequence` counts the records sent before
     * in this session. What was sent before and is on disk is not written again, so that the same call can be repeated after `disk-full`,
     * `io` or without an answer. `conflict` when the session has ended or the sequence has a gap: open again.
     */
    append: {
      changes: true,
      input: v.strictObject({ ...editing.entries, sequence: count, records }),
      output: v.strictObject({ sequence: count }),
    },
    /** Writes a snapshot now, so that reopening is quick. */
    snapshot: { changes: true, input: editing, output: nothing },
    /**
     * Keeps the mask as it is on disk now as the case's accepted segmentation: the truth that training uses. An empty mask, or one that
     * lacks labels of the newest prediction, asks first, and is kept only with `asItIs`. `lookedAt`: the person was shown each of its labels;
     * else it is kept as `unseen`, which may train and never measures.
     */
    accept: {
      changes: true,
      input: v.strictObject({
        ...editing.entries,
        sequence: count,
        asItIs: v.optional(v.boolean(), false),
        lookedAt: v.optional(v.boolean(), false),
      }),
      output: v.variant('kind', [
        v.strictObject({ kind: v.literal('accepted'), revisionId: id, acceptedAt: timestamp }),
        v.strictObject({ kind: v.literal('asks'), ...question.entries }),
      ]),
    },
    /** What accepting a case in bulk would keep, to be looked at first; with `prediction`, the newest prediction where nobody has corrected it. */
    preview: {
      input: v.strictObject({ caseId: id, prediction: v.optional(v.boolean(), false) }),
      output: v.strictObject({
        /** Why it cannot be accepted in bulk. */
        refused: v.nullable(text(1000)),
        /** What `acceptMany` skips unless `allowEmpty`: it is empty, or lacks these labels of the prediction. */
        asks: v.nullable(question),
        fingerprint: text(64),
        labels: list(v.strictObject({ value: labelValue, voxels: count }), 255),
        /** Middle slices, seen from the feet, of the largest labels; `of`: whose. Row by row from the top left, one byte a pixel. */
        slices: list(
          v.strictObject({ number: count, count, of: list(labelValue, 255), width: count, height: count, gray: bytes, mask: bytes }),
          6,
        ),
      }),
    },
    /** Accepts in bulk the masks that `preview` has shown: they may train and never measure. Reports progress; a case that cannot be accepted is skipped. */
    acceptMany: {
      changes: true,
      input: v.strictObject({
        cases: v.pipe(list(v.strictObject({ caseId: id, fingerprint: text(64) }), 10_000), v.minLength(1)),
        prediction: v.optional(v.boolean(), false),
        allowEmpty: v.optional(v.boolean(), false),
      }),
      output: v.strictObject({
        accepted: list(id, 10_000),
        skipped: list(v.strictObject({ caseId: id, reason: text(4000) }), 10_000),
      }),
    },
    close: { input: editing, output: nothing },
  },
  events: {
    /** Another window took over; this session's changes are refused from now on. `sequence`: how many of its records are on disk. */
    sessionEnded: v.strictObject({ ...editing.entries, sequence: count }),
  },
});
