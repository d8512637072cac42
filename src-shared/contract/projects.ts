import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, labelValue, labels, list, nonEmptyText, nothing, path, severity, text, timestamp } from './values.ts';

export const notice = v.strictObject({ severity, message: text(4000) });

export const caseCounts = v.strictObject({ unlabelled: count, predicted: count, inCorrection: count, accepted: count, excluded: count });

export const project = v.strictObject({
  path,
  name: text(256),
  createdAt: timestamp,
  labels,
  /** Labels that were removed, the latest first; their values are never given to others. */
  removedLabels: labels,
  counts: caseCounts,
  /** Why nothing in it can be changed from here: a sentence; null where it can. */
  readOnly: v.nullable(text(1000)),
  /** What the person should know after opening: a restored backup, recovered masks, an interrupted training. */
  notices: list(notice, 100),
});

export const hold = v.strictObject({
  /** Opening it would be refused. */
  held: v.boolean(),
  /** What opening it would say; empty where it is free. */
  sentence: text(2000),
  /** Null where whoever has it left no word. */
  holder: v.nullable(
    v.strictObject({
      /** The computer. */
      host: text(256),
      /** The person's account there; empty where it is not known. */
      user: text(256),
      since: text(64),
      /** The last sign of life; null where none was given. */
      alive: v.nullable(text(64)),
    }),
  ),
});

const labelLists = { labels, removedLabels: labels };

export const recentProject = v.strictObject({ path, name: text(256), openedAt: timestamp, exists: v.boolean() });

/** One project is open at a time; every other service works on it and answers `conflict` where none is. */
export const projects = defineService({
  methods: {
    recent: { input: nothing, output: v.strictObject({ projects: list(recentProject, 50) }) },
    /** Takes a project off the recent list; its folder stays. */
    forget: { input: v.strictObject({ path }), output: nothing },
    /** Makes a project in an empty or new folder and opens it. */
    create: { input: v.strictObject({ path, name: nonEmptyText(256), labels }), output: project },
    /** `conflict` where another program has it (`hold` says who), unless it is opened for reading alone: as it is now, until it is opened again. */
    open: { input: v.strictObject({ path, readOnly: v.optional(v.boolean(), false) }), output: project },
    /** Who has a project open. */
    hold: { input: v.strictObject({ path }), output: hold },
    current: { input: nothing, output: v.strictObject({ project: v.nullable(project) }) },
    close: { input: nothing, output: nothing },
    /** Packs the open project into one new file (.logonet), read back and compared. Reports progress. */
    pack: {
      input: v.strictObject({ path, overwrite: v.optional(v.boolean(), false) }),
      output: v.strictObject({ path, files: count, bytes: count }),
    },
    /** What a packed project is called, and how large it is. */
    packed: { input: v.strictObject({ path }), output: v.strictObject({ name: text(256), bytes: count }) },
    /** Unpacks a project into a new or empty folder, every checksum compared, and opens it. Reports progress. */
    unpack: { input: v.strictObject({ path, folder: path }), output: project },
    /** Makes (once) and opens the demo project: generated phantoms, a shipped model and its predictions. Reports progress. */
    demo: { input: nothing, output: project },
    /** Replaces names, colours, order and locks and adds labels; one that is missing (changed elsewhere meanwhile) is a `conflict`. */
    setLabels: { changes: true, input: v.strictObject({ labels }), output: v.strictObject(labelLists) },
    /** Adds a label with a value that neither labels nor models have, or had. */
    addLabel: { changes: true, input: nothing, output: v.strictObject({ ...labelLists, value: labelValue }) },
    /**
     * Takes a label out of the list. `conflict` where masks, accepted or still in correction, hold voxels of it. Looks through the masks, with
     * progress. Undo histories, earlier masks and models keep the value, which means nothing else ever; predictions leave it out from here on.
     */
    removeLabel: { changes: true, input: v.strictObject({ value: labelValue }), output: v.strictObject(labelLists) },
    /** Brings a removed label back. */
    restoreLabel: { changes: true, input: v.strictObject({ value: labelValue }), output: v.strictObject(labelLists) },
  },
  events: {
    /** Opened, closed, labels or counts changed. */
    changed: v.strictObject({ project: v.nullable(project) }),
  },
});
