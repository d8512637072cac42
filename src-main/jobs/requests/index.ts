import type { DeepReadonly } from '#shared/contract/define.ts';
import { benchRequest } from './bench.ts';
import { clusterRequest } from './cluster.ts';
import { demoRequest } from './demo.ts';
import { devicesRequest } from './devices.ts';
import { evaluateRequest } from './evaluate.ts';
import { exportModelRequest } from './exportModel.ts';
import { importModelRequest } from './importModel.ts';
import { improveRequest } from './improve.ts';
import { improvePromptsRequest } from './improvePrompts.ts';
import { joinModelsRequest } from './joinModels.ts';
import { modelInfoRequest } from './modelInfo.ts';
import { phantomsRequest } from './phantoms.ts';
import { predictRequest } from './predict.ts';
import { pretrainRequest } from './pretrain.ts';
import { rankRequest } from './rank.ts';
import { trainRequest } from './train.ts';
import { trainPromptsRequest } from './trainPrompts.ts';
import { verifyGoldenRequest } from './verifyGolden.ts';
import type { Request } from './request.ts';

/** Every kind of work, by its name: what it is asked with, and what it answers. */
export const requests = {
  train: trainRequest,
  trainPrompts: trainPromptsRequest,
  predict: predictRequest,
  evaluate: evaluateRequest,
  improve: improveRequest,
  improvePrompts: improvePromptsRequest,
  cluster: clusterRequest,
  pretrain: pretrainRequest,
  rank: rankRequest,
  demo: demoRequest,
  phantoms: phantomsRequest,
  bench: benchRequest,
  devices: devicesRequest,
  importModel: importModelRequest,
  joinModels: joinModelsRequest,
  exportModel: exportModelRequest,
  modelInfo: modelInfoRequest,
  verifyGolden: verifyGoldenRequest,
};

export type TaskKind = keyof typeof requests;

type Types<Kind extends TaskKind> =
  (typeof requests)[Kind] extends Request<infer Input, infer Config, infer Result>
    ? { readonly input: DeepReadonly<Input>; readonly config: Config; readonly result: Result }
    : never;
/** As it is written, with what has a default left open. */
export type RequestInput<Kind extends TaskKind> = Types<Kind>['input'];
/** As a task sees it. */
export type RequestConfig<Kind extends TaskKind> = Types<Kind>['config'];
export type RequestResult<Kind extends TaskKind> = Types<Kind>['result'];
