import * as v from 'valibot';
import { defineService } from './define.ts';
import { chunk, count, finite, grid, id, list, nothing, text, voxelType } from './values.ts';

export const windowPreset = v.strictObject({ name: text(64), low: finite, high: finite });

export const imageDescription = v.strictObject({
  caseId: id,
  name: text(512),
  modality: text(16),
  grid,
  voxelType,
  /** Size of the voxel array that `read` sends. Little-endian, i fastest. */
  byteLength: count,
  /** Value for a person = stored · slope + intercept (Hounsfield units for CT). */
  slope: finite,
  intercept: finite,
  /** Smallest and largest finite stored value. */
  range: v.strictTuple([finite, finite]),
  /** In units for a person; the first is the one to begin with. */
  windows: list(windowPreset, 32),
  warnings: list(text(4000), 100),
});

export const images = defineService({
  methods: {
    /** Decodes a case's image (progress) and holds it until `close` or until memory is needed for another. */
    open: { input: v.strictObject({ caseId: id }), output: imageDescription },
    /** Streams the voxels, beginning with the k-slices around `firstSlice` (default: the middle). Reports progress. */
    read: {
      input: v.strictObject({ caseId: id, firstSlice: v.optional(count) }),
      output: v.strictObject({ byteLength: count }),
      item: chunk,
    },
    close: { input: v.strictObject({ caseId: id }), output: nothing },
  },
  events: {},
});
