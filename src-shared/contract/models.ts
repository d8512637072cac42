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

export const models = defineService({
  methods: {
    list: { input: nothing, output: v.strictObject({ models: list(modelRow, 10_000) }) },
    /** The model card as written beside the weights (JSON text), with the comparison that led to it. */
    card: { input: v.strictObject({ modelId: id }), output: v.strictObject({ model: modelRow, card: text(1_000_000), comparison: v.nullable(comparison) }) },
    /** `conflict` where a class collapsed, unless `despite` says that the person has seen it. */
    promote: { input: v.strictObject({ modelId: id, despite: v.optional(v.boolean(), false) }), output: nothing },
    /** Back to the model that was promoted before. */
    rollback: { input: nothing, output: v.strictObject({ modelId: id }) },
  },
  events: { changed: nothing },
});
