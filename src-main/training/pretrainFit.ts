import { memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { buildModel } from '#main/model/build.ts';
import { forwardMacs } from '#main/model/counts.ts';
import { pretrainNetworkOptions } from './pretrain.ts';
import { trainingBytes } from './trainingNetwork.ts';

export interface PretrainFit {
  /** N: how many clusterers the head predicts. */
  readonly clusterers: number;
  /** Largest K that the head has room for. */
  readonly clusters: number;
  /** The head's arithmetic as a part of the backbone's. */
  readonly headShare: number;
  readonly bytes: number;
  /** For the person: what was chosen and why. */
  readonly sentence: string;
}

export interface PretrainFitRequest {
  readonly executor: Executor;
  readonly architecture: ArchitectureConfig;
  readonly patch: Triple;
  readonly batch: number;
  /** K that the number of slices supports (ensemble.ts). */
  readonly largestK: number;
  readonly memoryBudgetBytes?: number;
  /** How much arithmetic the head may add, as a part of the backbone's: small for a short budget. */
  readonly headShare: number;
}

const CLUSTERERS = [80, 64, 48, 40, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];
/** With fewer clusterers than this a smaller K is preferred: Table 9 gains most from having several. */
const ENOUGH = 8;

/** Multiply-accumulates of one forward pass with a pre-training head, and of its backbone. */
function macs(architecture: ArchitectureConfig, size: Triple, clusterers: number, clusters: number): { backbone: number; head: number } {
  const { nodes } = buildModel(architecture, { batch: 1, size, mode: 'train', head: { kind: 'pretrain', clusterers, clusters } }).builder;
  const sum = (head: boolean): number =>
    nodes.reduce((total, node) => total + (node.scope.startsWith('head') === head ? forwardMacs(node) : 0), 0);
  return { backbone: sum(false), head: sum(true) };
}

/** The most clusterers, at the largest K, whose head fits the device's memory and the share of the time that it may take. */
export function fitPretraining(request: PretrainFitRequest): PretrainFit {
  const { executor, architecture, patch, batch, memoryBudgetBytes } = request;
  let best: PretrainFit | undefined;
  for (let clusters = request.largestK; ; clusters = Math.max(2, Math.floor(clusters / 2))) {
    for (const clusterers of CLUSTERERS) {
      if (best !== undefined && clusterers <= best.clusterers) break;
      const { backbone, head } = macs(architecture, patch, clusterers, clusters);
      const least = clusterers === 1 && clusters <= 8; // something has to be tried
      if (head > request.headShare * backbone && !least) continue;
      const bytes = trainingBytes(
        executor,
        architecture,
        pretrainNetworkOptions({ batch, patch, clusterers, clusters, memoryBudgetBytes }),
      );
      if (bytes === undefined) continue;
      best = {
        clusterers,
        clusters,
        headShare: head / backbone,
        bytes,
        sentence: sentence(clusterers, clusters, request.largestK, head / backbone, bytes),
      };
      break;
    }
    if ((best !== undefined && best.clusterers >= ENOUGH) || clusters <= 8) break;
  }
  if (best === undefined) throw tooSmall();
  return best;
}

function sentence(clusterers: number, clusters: number, wanted: number, share: number, bytes: number): string {
  const smaller = clusters < wanted ? ` (the slices would support ${wanted})` : '';
  return `${clusterers} clusterers of up to ${clusters} clusters${smaller}: the pre-training head then adds ${Math.round(share * 100)}% to the network's arithmetic, and a step takes ${memorySize(bytes)}.`;
}

function tooSmall(): StudioError {
  return new StudioError(
    'out-of-memory',
    'The device has too little memory for pre-training with this model; choose a smaller model variant or another device.',
  );
}
