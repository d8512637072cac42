import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, finite, list, nonEmptyText, nothing, text } from './values.ts';

export const device = v.strictObject({
  /** 'cpu', 'webgpu:NAME OF ADAPTER' …: what settings and jobs name it by. */
  id: nonEmptyText(128),
  name: text(256),
  executor: v.picklist(['cpu', 'webgpu', 'tensorflow']),
  usable: v.boolean(),
  /** Why it is not usable, and what to do; empty when it is. */
  reason: text(2000),
  memoryBytes: v.nullable(count),
  /** Passed the golden step: right numbers. Null: not tried yet. */
  correct: v.nullable(v.boolean()),
  gigaflops: v.nullable(finite),
  proposed: v.boolean(),
  chosen: v.boolean(),
});

export const devices = defineService({
  methods: {
    /** What is known; probes on the first call. */
    list: { input: nothing, output: v.strictObject({ devices: list(device, 100) }) },
    /** Checks and measures every device again. Reports progress. */
    probe: { input: nothing, output: v.strictObject({ devices: list(device, 100) }) },
  },
  events: { changed: v.strictObject({ devices: list(device, 100) }) },
});
