import * as v from 'valibot';
import { defineService } from './define.ts';
import { bytes, chunk, count, grid, id, labelValue, list, nothing, text, timestamp, triple } from './values.ts';

const caseOnly = v.strictObject({ caseId: id });

/** Names of what can be undone (last is next to be undone) and redone (last is next to be redone). */
export const history = v.strictObject({ undo: list(text(200), 1_000_000), redo: list(text(200), 1_000_000) });

/** State after a change: `revision` grows by one with every acknowledged change. */
export const acknowledged = v.strictObject({ revision: count, undoCount: count, redoCount: count });

/** An encoded edit delta (src-shared/segmentation) that the window applies to its mask. */
export const change = v.strictObject({ ...acknowledged.entries, name: text(200), delta: bytes });

/** Where a copy from the prediction applies; all given limits hold together. */
export const region = v.strictObject({
  labels: v.optional(list(labelValue, 255)),
  /** Voxel box, both ends included. */
  box: v.optional(v.strictObject({ from: triple, to: triple })),
});

/** The mask that a person corrects. What is acknowledged is on disk. */
export const document = defineService({
  methods: {
    /** Opens (or begins) the case's mask and streams its voxels; pieces that hold only background are left out. */
    open: {
      input: caseOnly,
      output: v.strictObject({
        caseId: id,
        grid,
        voxelType: v.picklist(['uint8', 'uint16']),
        byteLength: count,
        revision: count,
        history,
        /** Set when unsaved strokes were found and brought back. */
        recovered: v.nullable(v.strictObject({ at: timestamp, steps: count, message: text(1000) })),
      }),
      item: chunk,
    },
    /** Appends finished edits in order; answers when they are on disk. `conflict` where `revision` is not the current one. */
    append: {
      input: v.strictObject({
        caseId: id, revision: count, edits: v.pipe(list(v.strictObject({ name: text(200), delta: bytes }), 256), v.minLength(1)),
      }),
      output: acknowledged,
    },
    /** Takes the last edit back, on disk; the window applies the delta. `conflict` when there is none. */
    undo: { input: caseOnly, output: change },
    redo: { input: caseOnly, output: change },
    history: { input: caseOnly, output: history },
    /** Writes a snapshot now, so that reopening is quick. */
    snapshot: { input: caseOnly, output: acknowledged },
    /** Copies the prediction into the mask, as one edit that undo takes back; locked labels stay as they are. */
    copyPrediction: { input: v.strictObject({ caseId: id, region: v.optional(region, {}) }), output: change },
    /** Marks the mask as it is now as the case's accepted segmentation: the truth that training uses. */
    accept: { input: caseOnly, output: v.strictObject({ revision: count, acceptedAt: timestamp }) },
    close: { input: caseOnly, output: nothing },
  },
  events: {},
});
