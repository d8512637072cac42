import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { AnyNode, Value } from '#main/engine/graph/graph.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from './build.ts';
import { paperLoss, paperOptimiser, trainingStep } from './trainingStep.ts';

export interface ModelCounts {
  readonly parameters: number;
  /** Multiply-accumulates of all convolutions in one forward pass, without bias. */
  readonly macs: number;
  /** 1e9 operations as `thop` counts them: `macs` plus 4 per element of each affine norm. */
  readonly thopGiga: number;
  /** Bytes of intermediates in a training step of this batch, planned with float32 and without recomputation. */
  readonly activationBytes: number;
}

/** Multiply-accumulates of a convolution node's forward pass; 0 for other operations. */
export function forwardMacs(node: AnyNode): number {
  const outputs = elementCount(node.outputs[0]?.type.shape ?? []);
  const weight = node.inputs[1]?.type.shape ?? [];
  switch (node.op) {
    case 'conv3d':
      return outputs * (weight[2] ?? 0) * node.attributes.kernel ** 3;
    case 'boxConv3d':
      return outputs * elementCount(weight.slice(2));
    case 'transposedConv3d':
      return outputs * (weight[1] ?? 0);
    case 'depthwiseConv3d':
      return outputs * node.attributes.kernel ** 3;
    default:
      return 0;
  }
}

/** Counts of an architecture at an input of `size` voxels (D, H, W) and a batch. */
export function countModel(architecture: ArchitectureConfig, size: readonly [number, number, number], batch = 1): ModelCounts {
  const model = buildModel(architecture, { batch, size, mode: 'train' });
  const forward = model.builder.nodes;
  const macs = forward.reduce((sum, node) => sum + forwardMacs(node), 0);
  const normalised = forward.reduce(
    (sum, { op, outputs }) => sum + (op === 'batchNormApply' || op === 'layerNorm' ? elementCount(outputs[0]?.type.shape ?? []) : 0),
    0,
  );
  const parameters = model.parameters.reduce((sum, { value }) => sum + elementCount(value.type.shape), 0);
  const { graph } = trainingStep(model, { loss: paperLoss, optimiser: paperOptimiser });
  const plan = makePlan(graph, { storageBytes: (type: Value['type']) => elementCount(type.shape) * 4, reusesMemory: true });
  return { parameters, macs, thopGiga: (macs + 4 * normalised) / 1e9, activationBytes: plan.arenaBytes - plan.persistentBytes };
}
