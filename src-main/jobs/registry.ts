import type { RequestConfig, RequestResult, TaskKind } from './requests/index.ts';
import { anyTask, type AskPrompts, type Task, type TaskRegistry } from './task.ts';

/** Every kind of work that this version knows; its code is loaded when the first one starts. */
const tasks: { readonly [Kind in TaskKind]: () => Promise<Task<RequestConfig<Kind>, RequestResult<Kind>>> } = {
  train: async () => (await import('./tasks/train.ts')).trainTask,
  trainPrompts: async () => (await import('./tasks/trainPrompts.ts')).trainPromptsTask,
  predict: async () => (await import('./tasks/predict.ts')).predictTask,
  evaluate: async () => (await import('./tasks/evaluate.ts')).evaluateTask,
  improve: async () => (await import('./tasks/improve.ts')).improveTask,
  improvePrompts: async () => (await import('./tasks/improvePrompts.ts')).improvePromptsTask,
  cluster: async () => (await import('./tasks/cluster.ts')).clusterTask,
  pretrain: async () => (await import('./tasks/pretrain.ts')).pretrainTask,
  rank: async () => (await import('./tasks/rank.ts')).rankTask,
  demo: async () => (await import('./tasks/demo.ts')).demoTask,
  phantoms: async () => (await import('./tasks/phantoms.ts')).phantomsTask,
  bench: async () => (await import('./tasks/bench.ts')).benchTask,
  devices: async () => (await import('./tasks/devices.ts')).devicesTask,
  importModel: async () => (await import('./tasks/importModel.ts')).importModelTask,
  joinModels: async () => (await import('./tasks/joinModels.ts')).joinModelsTask,
  exportModel: async () => (await import('./tasks/exportModel.ts')).exportModelTask,
  modelInfo: async () => (await import('./tasks/modelInfo.ts')).modelInfoTask,
  verifyGolden: async () => (await import('./tasks/verifyGolden.ts')).verifyGoldenTask,
};

export function loadTask<Kind extends TaskKind>(kind: Kind): Promise<Task<RequestConfig<Kind>, RequestResult<Kind>>> {
  return tasks[kind]();
}

/** What answers prompts, loaded with the first one. */
export const loadAskPrompts = async (): Promise<AskPrompts> => (await import('./tasks/askPrompts.ts')).askPrompts;

/** The same for the compute process, which knows kinds only by what a job's folder says. */
export const registry: TaskRegistry = Object.fromEntries(
  (Object.keys(tasks) as TaskKind[]).map((kind) => [kind, async () => anyTask(await loadTask(kind))]),
);
