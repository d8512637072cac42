import { StudioError } from '#shared/base/errors.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import type { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import { f32 } from '#main/engine/tensor/tensorType.ts';
import { pretrainHead, segmentationHead } from './heads.ts';
import { ModelBuilder, type ModelMode, type ParameterSpec } from './modelBuilder.ts';
import { ulkanet } from './ulkanet.ts';
import { unet } from './unet.ts';
import { sideMultiple } from './variants.ts';

export type HeadConfig =
  { readonly kind: 'segmentation' } | { readonly kind: 'pretrain'; readonly clusterers: number; readonly clusters: number };

export interface BuildOptions {
  readonly batch: number;
  /** Voxels along D, H, W; multiples of `sideMultiple(architecture)`. */
  readonly size: readonly [number, number, number];
  readonly mode: ModelMode;
  readonly head?: HeadConfig;
  /** Samples of a second input, `scans`, that goes through the same network with statistics of its own. */
  readonly scans?: number;
}

/** A network in a graph builder that can still grow (loss, gradients, optimiser). */
export interface Model {
  readonly builder: GraphBuilder;
  readonly options: BuildOptions;
  /** Input (B,C,D,H,W). */
  readonly x: Value;
  /** (B,classes,D,H,W), or (B,Z,N,K,1) with the pre-training head. */
  readonly logits: Value;
  /** The second input and its logits, where there is one. */
  readonly scans?: { readonly x: Value; readonly logits: Value };
  /** Of regions, which overlap: (B,1,D,H,W) each. */
  readonly apart?: readonly Value[];
  readonly parameters: readonly ParameterSpec[];
  readonly states: readonly ParameterSpec[];
}

/** Builds a network. Throws `invalid-argument` when a side does not fit the number of stages. */
export function buildModel(architecture: ArchitectureConfig, options: BuildOptions): Model {
  const multiple = sideMultiple(architecture);
  if (options.size.some((side) => side <= 0 || side % multiple !== 0)) {
    throw new StudioError(
      'invalid-argument',
      `The patch ${options.size.join('×')} does not fit this model: each side must be a multiple of ${multiple}.`,
    );
  }
  const m = new ModelBuilder(options.mode);
  const x = m.graph.input('x', f32(options.batch, architecture.inChannels, ...options.size));
  const head = options.head ?? { kind: 'segmentation' };
  const network = (input: Value): Value => {
    const features = backbone(m, architecture, input);
    return head.kind === 'segmentation'
      ? segmentationHead(m, features, architecture.classes)
      : pretrainHead(m, features, head.clusterers, head.clusters);
  };
  const model: Model = { builder: m.graph, options, x, logits: network(x), parameters: m.parameters, states: m.states };
  if (options.scans === undefined) return model;
  const scans = m.graph.input('scans', f32(options.scans, architecture.inChannels, ...options.size));
  return { ...model, scans: { x: scans, logits: m.again(() => network(scans)) } };
}

/** Section 3: global ULKANet plus the reassembled local ULKANets; one cube per instance. x (B,C,D,H,W) → (B,F,D,H,W). */
function backbone(m: ModelBuilder, architecture: ArchitectureConfig, x: Value): Value {
  const { network, dims, depths, mlpRatios, topWidth, block, features: out, localStages, split } = architecture;
  const top = { ...(topWidth !== undefined && { topWidth }), ...(block && { block }) };
  if (network === 'unet') return unet(m, x, 'features', dims, out);
  const whole = ulkanet(m, x, 'features.glob', 1, { dims, depths, mlpRatios, ...top, out });
  if (network === 'ulkanet') return whole;
  const cubes = m.graph.apply('cubeSplit', { split }, [x], 'features.local');
  const shape = {
    dims: dims.slice(0, localStages),
    depths: depths.slice(0, localStages),
    mlpRatios: mlpRatios.slice(0, localStages),
    ...top,
    out,
  };
  const pieces = ulkanet(m, cubes, 'features.local.*', split ** 3, shape);
  return m.graph.apply('add', {}, [whole, m.graph.apply('cubeMerge', { split }, [pieces], 'features.local')], 'features');
}
