import * as v from 'valibot';
import { defineService } from './define.ts';
import { bytes, count, errorCode, finite, id, list, nothing, path, text, timestamp, triple } from './values.ts';

export const caseStatus = v.picklist(['unlabelled', 'predicted', 'inCorrection', 'accepted', 'excluded']);

export const caseRow = v.strictObject({
  id,
  name: text(512),
  status: caseStatus,
  notes: text(4000),
  /** Held out: chosen by patient, never trained on, the measure of every model. */
  heldOut: v.boolean(),
  modality: text(16),
  /** Voxels along i, j, k. */
  size: triple,
  /** Millimetres along i, j, k. */
  spacing: triple,
  hasMask: v.boolean(),
  hasPrediction: v.boolean(),
  /** Mean entropy of the prediction in its foreground, 0..1, where there is one. */
  uncertainty: v.nullable(finite),
  /** Place in the proposed order (1 is next) and why, where a ranking has been made. */
  rank: v.nullable(count),
  reason: v.nullable(text(1000)),
  createdAt: timestamp,
  updatedAt: timestamp,
  updatedBy: text(256),
});

export const caseEvent = v.strictObject({ at: timestamp, who: text(256), kind: text(64), message: text(2000) });

export const refusedFile = v.strictObject({ path, code: errorCode, message: text(4000) });
export const fileWarning = v.strictObject({ path, message: text(4000) });

export const library = defineService({
  methods: {
    /**
     * Imports files and folders (NIfTI, DICOM series, NRRD, MetaImage, data sets with a dataset.json, folders of image and mask
     * pairs). Reports progress; one bad file never stops the rest.
     */
    import: {
      input: v.strictObject({ sources: v.pipe(list(path, 10_000), v.minLength(1)), mode: v.optional(v.picklist(['copy', 'reference']), 'copy') }),
      output: v.strictObject({
        added: list(id, 1_000_000), masks: count, duplicates: count, refused: list(refusedFile, 100_000), warnings: list(fileWarning, 100_000),
      }),
    },
    list: {
      input: v.strictObject({
        /** Matches name and notes, without regard to case. */
        text: v.optional(text(512), ''),
        statuses: v.optional(list(caseStatus, 5)),
        heldOut: v.optional(v.boolean()),
        sort: v.optional(v.picklist(['rank', 'name', 'status', 'updatedAt', 'uncertainty']), 'name'),
        descending: v.optional(v.boolean(), false),
        offset: v.optional(count, 0),
        limit: v.optional(v.pipe(count, v.minValue(1), v.maxValue(1000)), 200),
      }),
      output: v.strictObject({ total: count, cases: list(caseRow, 1000) }),
    },
    get: { input: v.strictObject({ caseId: id }), output: v.strictObject({ case: caseRow, events: list(caseEvent, 500) }) },
    update: {
      input: v.strictObject({
        caseIds: v.pipe(list(id, 10_000), v.minLength(1)),
        status: v.optional(caseStatus),
        notes: v.optional(text(4000)),
        heldOut: v.optional(v.boolean()),
      }),
      output: v.strictObject({ cases: list(caseRow, 10_000) }),
    },
    /** The middle slice, row by row from the top left, one byte a pixel; null where none could be made. */
    thumbnail: {
      input: v.strictObject({ caseId: id }),
      output: v.nullable(v.strictObject({ width: count, height: count, gray: bytes })),
    },
    /** The case to label next and the reason in a sentence; null when nothing is left. */
    next: {
      input: v.strictObject({ strategy: v.optional(v.picklist(['suggested', 'uncertainty', 'diversity', 'random']), 'suggested') }),
      output: v.strictObject({ suggestion: v.nullable(v.strictObject({ caseId: id, reason: text(1000) })) }),
    },
  },
  events: {
    /** These rows changed; null: read the list anew. */
    changed: v.strictObject({ caseIds: v.nullable(list(id, 10_000)) }),
    imported: nothing,
  },
});
