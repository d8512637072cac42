import type { TaskRegistry } from '../task.ts';

/** Every kind of job that this version runs; its code is loaded when the first one starts. */
export const registry: TaskRegistry = {};
