/** The building blocks of all service schemas, each with a bound, so that no message can ask for more than it should. */
import * as v from 'valibot';
import { errorCodes } from '../base/errors.ts';

export const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'Not an identifier.'));
/** Free text of at most `length` UTF-16 units, without NUL. */
export const text = (length: number) =>
  v.pipe(
    v.string(),
    v.maxLength(length),
    v.check((value) => !value.includes('\0'), 'Text must not hold NUL.'),
  );
export const nonEmptyText = (length: number) =>
  v.pipe(
    text(length),
    v.check((value) => value.trim().length > 0, 'Must not be empty.'),
  );
/** A path on the machine that the host runs on, as the folder browser or a file dialog gave it. */
export const path = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(4096),
  v.check((value) => !value.includes('\0'), 'A path must not hold NUL.'),
);
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const finite = v.pipe(v.number(), v.finite());
export const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
/** ISO 8601, UTC. */
export const timestamp = v.pipe(v.string(), v.maxLength(40), v.isoTimestamp());
export const triple = v.strictTuple([finite, finite, finite]);
export const list = <Item extends v.GenericSchema>(item: Item, maximum: number) => v.pipe(v.array(item), v.maxLength(maximum));

const side = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_048_576));
/** As in src-shared/geometry/grid.ts: voxels along i, j, k and a 3×4 row-major affine to LPS millimetres. */
export const grid = v.strictObject({
  size: v.strictTuple([side, side, side]),
  affine: v.strictTuple([finite, finite, finite, finite, finite, finite, finite, finite, finite, finite, finite, finite]),
});

/** Binary data. On the wire it travels outside the JSON; on arrival it begins at a multiple of eight bytes. */
export const bytes = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'Not binary data.');
/** A piece of a voxel array: `offset` in bytes from its start. Pieces come in any order and do not overlap. */
export const chunk = v.strictObject({ offset: count, bytes });

export const voxelType = v.picklist(['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64']);

/** 1..255; 0 is background and has no entry. */
export const labelValue = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(255));
export const label = v.strictObject({
  value: labelValue,
  name: nonEmptyText(128),
  color: v.pipe(v.string(), v.regex(/^#[0-9a-fA-F]{6}$/, 'A colour is written #rrggbb.')),
  locked: v.boolean(),
  /** The label that it lies inside of. */
  inside: v.optional(labelValue),
});
export const labels = v.pipe(
  list(label, 255),
  v.check((all) => new Set(all.map((each) => each.value)).size === all.length, 'Two labels have the same value.'),
);

export const progress = v.strictObject({
  phase: text(200),
  fraction,
  remainingSeconds: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
  detail: v.optional(text(2000)),
});

export const severity = v.picklist(['info', 'warning', 'error']);
export const errorCode = v.picklist(errorCodes);
/** A sentence for the person, and for the log what lies beneath it. */
export const wireError = v.strictObject({ code: errorCode, message: text(4000), detail: v.optional(text(16_000)) });

export const nothing = v.strictObject({});
