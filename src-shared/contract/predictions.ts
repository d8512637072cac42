import * as v from 'valibot';
import { defineService } from './define.ts';
import { bytes, count, finite, grid, id, labelValue, list, nonEmptyText, timestamp, triple } from './values.ts';

/** A connected region that the model is unsure of, most uncertain first: the stops of the uncertainty tour. */
export const uncertainRegion = v.strictObject({ centre: triple, voxels: count, score: finite });

export const prediction = v.strictObject({
  caseId: id,
  modelId: id,
  modelName: nonEmptyText(256),
  at: timestamp,
  /** The image's grid. */
  grid,
  labels: list(labelValue, 255),
  /** Mean entropy in the foreground, 0 (sure) to 1. */
  uncertainty: finite,
  hasUncertaintyMap: v.boolean(),
  regions: list(uncertainRegion, 1000),
});

export const predictions = defineService({
  methods: {
    /** Predicts now, before any waiting job, with the promoted model or the one that is named. Reports progress. */
    run: { changes: true, input: v.strictObject({ caseId: id, modelId: v.optional(id) }), output: prediction },
    /** Predicts many cases in the background. */
    runMany: {
      changes: true,
      input: v.strictObject({ caseIds: v.pipe(list(id, 100_000), v.minLength(1)), modelId: v.optional(id) }),
      output: v.strictObject({ jobId: id }),
    },
    /** The latest prediction, or null. Reads no voxels. */
    get: { input: v.strictObject({ caseId: id }), output: v.nullable(prediction) },
    /** Streams one byte a voxel: the label values, or the uncertainty from 0 to 255. Empty pieces are left out. */
    read: {
      input: v.strictObject({ caseId: id, layer: v.picklist(['labels', 'uncertainty']) }),
      output: v.strictObject({ byteLength: count }),
      item: v.strictObject({ offset: count, bytes }),
    },
  },
  events: {
    /** A new prediction is there. */
    added: v.strictObject({ caseId: id, modelId: id }),
  },
});
