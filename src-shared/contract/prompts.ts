import * as v from 'valibot';
import { defineService } from './define.ts';
import { interval } from './jobs.ts';
import { bytes, count, finite, id, list, nothing, text, timestamp } from './values.ts';

/** As `PointingComparison`. */
const measured = v.strictObject({
  cases: count,
  structures: count,
  before: finite,
  after: finite,
  difference: v.nullable(interval),
  labels: list(v.strictObject({ label: text(128), structures: count, before: finite, after: finite }), 255),
});

/** A network that is asked with prompts, where there is one: what it makes of them is worked out beside predictions and trainings. */
export const prompts = defineService({
  methods: {
    /** Voxels of a side of the cube that it is asked about; null where there is no such network. */
    network: { input: nothing, output: v.strictObject({ side: v.nullable(count) }) },
    /** The chance of each voxel of a cube to be meant, 0 to 255. `input`: its channels one after another, little-endian float32. `conflict` where no project is open. */
    ask: { input: v.strictObject({ input: bytes }), output: v.strictObject({ chance: bytes }) },
    /** What accepted cases of the open project taught of structures, where it helps: `values` of a lesson, little-endian float32, and its mean Dice after a first click. */
    lessons: {
      input: nothing,
      output: v.strictObject({ lessons: list(v.strictObject({ label: text(128), first: finite, values: bytes }), 255) }),
    },
    /** Which network answers in the open project, and those that it became there, the newest last. */
    versions: {
      input: nothing,
      output: v.strictObject({
        from: v.nullable(v.picklist(['project', 'computer', 'shipped'])),
        inUse: v.nullable(id),
        /** Labels whose looks accepted cases taught. */
        knows: list(text(128), 255),
        /** There was another one in use before. */
        canGoBack: v.boolean(),
        versions: list(
          v.strictObject({
            id,
            createdAt: timestamp,
            trainingCases: count,
            structures: count,
            steps: count,
            measured: v.nullable(measured),
            verdict: text(2000),
          }),
          10_000,
        ),
      }),
    },
    /** Lets it learn from the accepted cases; put in use where it needs fewer clicks on the held-out ones, with `despite` in any case. */
    improve: {
      changes: true,
      input: v.strictObject({
        budget: v.variant('kind', [
          v.strictObject({ kind: v.literal('minutes'), minutes: v.pipe(v.number(), v.gtValue(0), v.maxValue(100_000)) }),
          v.strictObject({ kind: v.literal('steps'), steps: v.pipe(count, v.minValue(1)) }),
        ]),
        device: v.optional(text(128)),
        threads: v.optional(v.pipe(count, v.minValue(1))),
        seed: v.optional(count),
        despite: v.optional(v.boolean(), false),
      }),
      output: v.strictObject({ jobId: id }),
    },
    use: { changes: true, input: v.strictObject({ version: id }), output: nothing },
    /** Back to the one that was in use before. */
    takeBack: { changes: true, input: nothing, output: nothing },
  },
  events: { changed: nothing },
});
