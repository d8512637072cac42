import * as v from 'valibot';
import { defineService } from './define.ts';
import { count, labels, list, nonEmptyText, nothing, path, severity, text, timestamp } from './values.ts';

export const notice = v.strictObject({ severity, message: text(4000) });

export const caseCounts = v.strictObject({ unlabelled: count, predicted: count, inCorrection: count, accepted: count, excluded: count });

export const project = v.strictObject({
  path,
  name: text(256),
  createdAt: timestamp,
  labels,
  counts: caseCounts,
  /** What the person should know after opening: a restored backup, recovered masks, an interrupted training. */
  notices: list(notice, 100),
});

export const recentProject = v.strictObject({ path, name: text(256), openedAt: timestamp, exists: v.boolean() });

/** One project is open at a time; every other service works on it and answers `conflict` where none is. */
export const projects = defineService({
  methods: {
    recent: { input: nothing, output: v.strictObject({ projects: list(recentProject, 50) }) },
    /** Takes a project off the recent list; its folder stays. */
    forget: { input: v.strictObject({ path }), output: nothing },
    /** Makes a project in an empty or new folder and opens it. */
    create: { input: v.strictObject({ path, name: nonEmptyText(256), labels }), output: project },
    open: { input: v.strictObject({ path }), output: project },
    current: { input: nothing, output: v.strictObject({ project: v.nullable(project) }) },
    close: { input: nothing, output: nothing },
    /** Makes (once) and opens the demo project: generated phantoms, a shipped model and its predictions. Reports progress. */
    demo: { input: nothing, output: project },
    /** Replaces names, colours, order and locks; a value that masks still use cannot be removed (`conflict`). */
    setLabels: { input: v.strictObject({ labels }), output: v.strictObject({ labels }) },
  },
  events: {
    /** Opened, closed, labels or counts changed. */
    changed: v.strictObject({ project: v.nullable(project) }),
  },
});
