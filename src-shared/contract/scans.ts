import * as v from 'valibot';
import { dayOf } from '../domain/scanDate.ts';
import { defineService } from './define.ts';
import { caseImage } from './images.ts';
import { bytes, count, finite, id, labelValue, list, nothing, text } from './values.ts';

const day = v.pipe(
  v.string(),
  v.check((value) => dayOf(value) === value, 'A day is written YYYY-MM-DD.'),
);

const scan = v.strictObject({
  caseId: id,
  name: text(512),
  /** Null where nothing says it. */
  date: v.nullable(day),
});

/** The scans of one patient that are cases of their own: follow-ups. */
export const scans = defineService({
  methods: {
    /** The other scans of a case's patient, by day. Asks their headers, where an earlier version imported them. */
    list: {
      input: v.strictObject({ caseId: id }),
      output: v.strictObject({
        date: v.nullable(day),
        others: list(
          v.strictObject({
            ...scan.entries,
            hasMask: v.boolean(),
            /** Its leading image, which `images` opens, reads and places as one of the case at hand. */
            image: caseImage,
            /** Something says where it lies: the same grid, a frame of reference, or a person. */
            isPlaced: v.boolean(),
          }),
          1000,
        ),
      }),
    },
    /** The mask of another scan on this case's grid, and what the step is called that begins with it. `conflict` where nothing says how the two lie. */
    start: { input: v.strictObject({ caseId: id, scanId: id }), output: v.strictObject({ name: text(600), mask: bytes }) },
    /** The volume of each label in every scan of a case's patient, as accepted last, by day. */
    volumes: {
      input: v.strictObject({ caseId: id }),
      output: v.strictObject({
        scans: list(
          v.strictObject({
            ...scan.entries,
            /** Since the first scan that has a date. */
            day: v.nullable(count),
            labels: v.nullable(list(v.strictObject({ value: labelValue, name: text(128), voxels: count, millilitres: finite }), 255)),
          }),
          1000,
        ),
      }),
    },
    /**
     * Notes when scans were made, or that they are of one patient (or each of its own), as one step of the project's history. `conflict` where some of one
     * patient's scans are held out and others not.
     */
    tell: {
      changes: true,
      input: v.strictObject({
        caseIds: v.pipe(list(id, 10_000), v.minLength(1)),
        samePatient: v.optional(v.boolean()),
        date: v.optional(v.nullable(day)),
      }),
      output: nothing,
    },
  },
  events: {},
});
