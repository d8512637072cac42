import * as v from 'valibot';
import { defineService } from './define.ts';
import { notice } from './projects.ts';
import { list, nothing, path, text, timestamp } from './values.ts';

export const app = defineService({
  methods: {
    info: {
      input: nothing,
      output: v.strictObject({
        name: text(64),
        version: text(64),
        host: v.picklist(['electron', 'web']),
        platform: v.picklist(['windows', 'macos', 'linux', 'other']),
        nativeDialogs: v.boolean(),
        /** Set when the run before did not end well: when, and what became of the work. */
        crash: v.nullable(v.strictObject({ at: timestamp, message: text(2000) })),
        notices: list(notice, 100),
      }),
    },
    /** The crash notice has been read. */
    acknowledgeCrash: { input: nothing, output: nothing },
    /** What the window saw go wrong; the log keeps it without its data. */
    reportError: { input: v.strictObject({ message: text(2000), stack: v.optional(text(16_000), '') }), output: nothing },
    /** The person did something in a window; at most a few times a minute. */
    present: { input: nothing, output: nothing },
    /** Saves, stops jobs at a checkpoint and ends the program. */
    shutdown: { input: nothing, output: nothing },
  },
  events: {
    notice,
    /** The menu or the system asks for something: a command of the window's palette. */
    command: v.strictObject({ command: text(64) }),
    /** A project was opened from outside (double click, second start). */
    openRequested: v.strictObject({ path }),
  },
});
