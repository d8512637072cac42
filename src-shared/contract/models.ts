import * as v from 'valibot';
import { defineService } from './define.ts';
import { comparison } from './jobs.ts';
import { count, finite, id, list, nothing, text, timestamp } from './values.ts';

export const modelRow = v.strictObject({
  id,
  name: text(256),
  createdAt: timestamp,
  variant: text(64),
  promoted: v.boolean(),
  /** Was promoted once: rollback can return to it. */
  wasPromoted: v.boolean(),
  parameters: v.nullable(count),
  trainingCases: count,
  /** Mean Dice on the held-out cases, where it was measured. */
  dice: v.nullable(finite),
  weightsHash: text(128),
});

/** SHA-256 of a model's weights, or enough of its beginning. */
const weightsHash = v.pipe(v.string(), v.regex(/^[0-9a-f]{6,64}$/));

export const shelfRow = v.strictObject({
  hash: weightsHash,
  name: text(256),
  keptAt: timestamp,
  variant: text(64),
  labels: list(text(256), 1024),
  /** As the model's files state them. */
  licence: v.nullable(text(4096)),
  source: v.nullable(text(4096)),
  parameters: count,
  bytes: count,
});

export const models = defineService({
  methods: {
    list: { input: nothing, output: v.strictObject({ models: list(modelRow, 10_000) }) },
    /** The model card as written beside the weights (JSON text), with the comparison that led to it. */
    card: {
      input: v.strictObject({ modelId: id }),
      output: v.strictObject({ model: modelRow, card: text(1_000_000), comparison: v.nullable(comparison) }),
    },
    /** A model folder, or an nnU-Net result folder, as a model of the project; folds by number, every numbered one where there are none. */
    importFolder: {
      changes: true,
      input: v.strictObject({ folder: text(4096), folds: v.optional(list(text(16), 16), []), name: v.optional(text(256)) }),
      output: v.strictObject({ modelId: id, card: text(1_000_000) }),
    },
    /** Models of the project as one more, in this order: a later one is written over an earlier one. */
    join: {
      input: v.strictObject({ modelIds: v.pipe(list(id, 16), v.minLength(2)), name: v.optional(text(256)) }),
      output: v.strictObject({ modelId: id }),
    },
    /** The models that this computer keeps for all projects. Needs no project. */
    shelf: { input: nothing, output: v.strictObject({ models: list(shelfRow, 10_000) }) },
    /** Copies a model of the project to the shelf. */
    keep: { input: v.strictObject({ modelId: id }), output: v.strictObject({ hash: weightsHash }) },
    /** Copies a model from the shelf into the project; labels by name. */
    take: { changes: true, input: v.strictObject({ hash: weightsHash }), output: v.strictObject({ modelId: id }) },
    /** Off the shelf; projects that use it have their own copy. */
    discard: { input: v.strictObject({ hash: weightsHash }), output: nothing },
    /** `conflict` where a class collapsed, unless `despite` says that the person has seen it. */
    promote: { changes: true, input: v.strictObject({ modelId: id, despite: v.optional(v.boolean(), false) }), output: nothing },
    /** Back to the model that was promoted before. */
    rollback: { changes: true, input: nothing, output: v.strictObject({ modelId: id }) },
  },
  events: { changed: nothing },
});
