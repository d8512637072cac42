import { anyTask, type TaskRegistry } from '../task.ts';

/** Every kind of job that this version runs; its code is loaded when the first one starts. */
export const registry: TaskRegistry = {
  train: async () => anyTask((await import('./train.ts')).trainTask),
  predict: async () => anyTask((await import('./predict.ts')).predictTask),
  evaluate: async () => anyTask((await import('./evaluate.ts')).evaluateTask),
};
