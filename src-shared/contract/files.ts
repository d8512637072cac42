import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, list, nonEmptyText, nothing, path, text, timestamp } from './values.ts';

export const fileEntry = v.strictObject({
  name: text(1024),
  path,
  kind: v.picklist(['folder', 'file']),
  size: count,
  modifiedAt: timestamp,
  /** A LoGoNet Studio project folder. */
  isProject: v.boolean(),
});

/** The folder browser of the web host, and the system's dialogs in Electron (`app.info` says which there is). */
export const files = defineService({
  methods: {
    /** Home, documents, drives: where browsing may begin. */
    places: { input: nothing, output: v.strictObject({ places: list(v.strictObject({ name: text(256), path }), 100) }) },
    /** Folders first, by name; hidden entries left out; at most 5,000, then `truncated`. */
    list: {
      input: v.strictObject({ path }),
      output: v.strictObject({ path, parent: v.nullable(path), entries: list(fileEntry, 5000), truncated: v.boolean() }),
    },
    createFolder: { input: v.strictObject({ parent: path, name: nonEmptyText(200) }), output: v.strictObject({ path }) },
    /** The system's dialog; null when it was cancelled, `unsupported` on the web host. */
    pick: {
      input: v.strictObject({ kind: v.picklist(['folder', 'files', 'newFolder']), title: text(200) }),
      output: v.strictObject({ paths: v.nullable(list(path, 10_000)) }),
    },
  },
  events: {},
});
