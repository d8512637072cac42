import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, nothing, text } from './values.ts';

export const settingsValues = v.strictObject({
  /** Device id of `devices.list`, or 'auto': the fastest one that is correct. */
  device: text(128),
  /** Most memory that training may plan with, in bytes; 0: what the device offers. */
  memoryBytes: count,
  /** Written into the audit trail beside each action. */
  annotator: text(256),
  deidentifyExports: v.boolean(),
  /** Whether new files are copied into the project or stay where they are. */
  importMode: v.picklist(['copy', 'reference']),
  /** Where Improve may also run: `slurm` with options of sbatch, or a command line that runs a worker; '' where nowhere. */
  submitTo: v.optional(text(1000), ''),
  /** Where job folders go that others are to read; '' for the project's own folder. */
  submitFolder: v.optional(text(4096), ''),
});

export const settings = defineService({
  methods: {
    get: { input: nothing, output: settingsValues },
    update: { input: v.partial(settingsValues), output: settingsValues },
    /** What the window remembers of itself (layout, tool, windows), as JSON text under a name of its choice. */
    recall: { input: v.strictObject({ key: text(64) }), output: v.strictObject({ value: v.nullable(text(262_144)) }) },
    remember: { input: v.strictObject({ key: text(64), value: text(262_144) }), output: nothing },
  },
  events: { changed: settingsValues },
});
