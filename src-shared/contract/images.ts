import * as v from 'valibot';
import { defineService } from './define.ts';
import { placedBy } from '../domain/caseImages.ts';
import { chunk, count, finite, grid, id, list, nonEmptyText, nothing, text, voxelType } from './values.ts';

export const windowPreset = v.strictObject({ name: text(64), low: finite, high: finite });

/** An image of a case, as a list shows it. */
export const caseImage = v.strictObject({
  imageId: id,
  /** Of the channel or series; empty where nothing names it. */
  name: text(512),
  modality: text(16),
  placedBy: v.picklist(placedBy),
  /** By hand: rigid, from its world to that of the leading image. */
  toLeading: v.nullable(grid.entries.affine),
  /** What its values are read in; empty: as they are stored. */
  unit: text(16),
});

export const imageDescription = v.strictObject({
  caseId: id,
  name: text(512),
  modality: text(16),
  /** Of the case's leading image, whichever this is. */
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
  /** All images of the case, the leading one first. */
  images: list(caseImage, 100),
});

export const images = defineService({
  methods: {
    /** Decodes an image of a case, the leading one unless another is named (progress), brings it onto the leading grid, and holds it until `close` or until memory is needed for another. */
    open: { input: v.strictObject({ caseId: id, imageId: v.optional(id) }), output: imageDescription },
    /** Streams the voxels, beginning with the k-slices around `firstSlice` (default: the middle). Reports progress. */
    read: {
      input: v.strictObject({ caseId: id, imageId: v.optional(id), firstSlice: v.optional(count) }),
      output: v.strictObject({ byteLength: count }),
      item: chunk,
    },
    /**
     * Places a further image of a case by hand: a turn and a shift from its world to that of the leading one; null: their headers' coordinates are one
     * world. It is read anew. `invalid-argument` for any other map, `conflict` for the leading image.
     */
    place: {
      changes: true,
      input: v.strictObject({ caseId: id, imageId: id, toLeading: v.nullable(grid.entries.affine) }),
      output: nothing,
    },
    /** What images of the project's cases are called, and which cases lack one. */
    names: {
      input: nothing,
      output: v.strictObject({ images: list(v.strictObject({ name: text(512), cases: count, lacking: list(text(512), 100_000) }), 1000) }),
    },
    /**
     * Gives an image another name in all cases, as one step of the project's history; an empty name stands for images that nothing names. `warning`: the model in use goes by the old
     * name. `conflict` where a case has both.
     */
    rename: {
      changes: true,
      input: v.strictObject({ from: text(512), to: nonEmptyText(256) }),
      output: v.strictObject({ images: count, warning: v.nullable(text(1000)) }),
    },
    /** Lets go of all images of the case. */
    close: { input: v.strictObject({ caseId: id }), output: nothing },
  },
  events: {},
});
