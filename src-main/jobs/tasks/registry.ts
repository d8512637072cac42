import { anyTask, type TaskRegistry } from '../task.ts';

/** Every kind of job that this version runs; its code is loaded when the first one starts. */
export const registry: TaskRegistry = {
  train: async () => anyTask((await import('./train.ts')).trainTask),
  predict: async () => anyTask((await import('./predict.ts')).predictTask),
  cluster: async () => anyTask((await import('./pretrain.ts')).clusterTask),
  pretrain: async () => anyTask((await import('./pretrain.ts')).pretrainTask),
  improve: async () => anyTask((await import('./improve.ts')).improveTask),
  experiment: async () => anyTask((await import('./experiment.ts')).experimentTask),
  rank: async () => anyTask((await import('./rank.ts')).rankTask),
  evaluate: async () => anyTask((await import('./evaluate.ts')).evaluateTask),
};
