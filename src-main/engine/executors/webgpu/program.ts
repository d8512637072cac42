import type { AnyNode, Node, Value } from '../../graph/graph.ts';
import type { OpKind } from '../../ops/attributes.ts';
import type { Plan } from '../../plan/plan.ts';
import { Scratch, type Kernel } from './kernel.ts';
import * as box from './kernels/box.ts';
import * as copy from './kernels/copy.ts';
import * as dense from './kernels/dense.ts';
import * as depthwise from './kernels/depthwise.ts';
import * as instanceNorm from './kernels/instanceNorm.ts';
import * as losses from './kernels/losses.ts';
import * as normalisation from './kernels/normalisation.ts';
import * as optimiser from './kernels/optimiser.ts';
import { channelBindings, isPointwise, pointwise, streamsOf, type PointwiseNode } from './kernels/pointwise.ts';
import type { LoweringContext } from './lowering.ts';

type Lowering<K extends OpKind> = (node: Node<K>, context: LoweringContext) => Kernel[];

const alone = (node: AnyNode, context: LoweringContext): Kernel[] =>
  isPointwise(node) ? pointwise([node], new Set(node.outputs), context) : [];

/** Every operation as kernels. Exhaustive: an operation without an entry does not compile. */
const lowerings: { readonly [K in OpKind]: Lowering<K> } = {
  conv3d: dense.conv3d,
  conv3dGradInput: dense.conv3dGradInput,
  conv3dGradWeight: dense.conv3dGradWeight,
  boxConv3d: box.boxConv3d,
  boxConv3dGradInput: box.boxConv3dGradInput,
  boxConv3dGradWeight: box.boxConv3dGradWeight,
  transposedConv3d: box.transposedConv3d,
  transposedConv3dGradWeight: box.transposedConv3dGradWeight,
  depthwiseConv3d: depthwise.depthwiseConv3d,
  depthwiseConv3dGradInput: depthwise.depthwiseConv3dGradInput,
  depthwiseConv3dGradWeight: depthwise.depthwiseConv3dGradWeight,
  batchNormStatistics: normalisation.batchNormStatistics,
  batchNormApply: alone,
  batchNormGradStatistics: normalisation.batchNormGradStatistics,
  batchNormGradInput: alone,
  runningStatisticsUpdate: normalisation.runningStatisticsUpdate,
  instanceNorm: instanceNorm.instanceNorm,
  instanceNormGrad: instanceNorm.instanceNormGrad,
  layerNorm: normalisation.layerNorm,
  layerNormGrad: normalisation.layerNormGrad,
  activation: alone,
  activationGrad: alone,
  add: alone,
  multiply: alone,
  upsample2: copy.upsample2,
  upsample2Grad: copy.upsample2Grad,
  averagePool3d: box.averagePool3d,
  averagePool3dGrad: box.averagePool3dGrad,
  concatChannels: copy.concatChannels,
  sliceChannels: copy.sliceChannels,
  cubeSplit: copy.cubeSplit,
  cubeMerge: copy.cubeMerge,
  permute: copy.permute,
  softmax: losses.softmax,
  diceCrossEntropy: losses.diceCrossEntropy,
  diceCrossEntropyGrad: losses.diceCrossEntropyGrad,
  pseudoLabelLoss: losses.pseudoLabelLoss,
  pseudoLabelLossGrad: losses.pseudoLabelLossGrad,
  gradientNorm: optimiser.gradientNorm,
  adamW: (node, context) => optimiser.adamW([node], context),
};

function lower<K extends OpKind>(node: Node<K>, context: LoweringContext): Kernel[] {
  return lowerings[node.op](node, context);
}

export interface ProgramKernel extends Kernel {
  readonly scope: string;
}

/** A plan as a sequence of kernels, and the scratch that the hungriest step needs. Knows no device: counts can be made anywhere. */
export interface Program {
  readonly kernels: readonly ProgramKernel[];
  readonly scratchBytes: number;
}

/** Lowers a plan; chains of pointwise nodes and runs of AdamW nodes become one kernel each. */
export function lowerPlan(plan: Plan, context: Omit<LoweringContext, 'scratch'>): Program {
  const kernels: ProgramKernel[] = [];
  let scratchBytes = 0;
  const uses = countUses(plan);
  for (let step = 0; step < plan.steps.length;) {
    const scratch = new Scratch();
    const group = groupAt(plan, step, uses, context.maxBindings);
    const [first] = group.nodes;
    if (first === undefined) break;
    for (const kernel of group.lower({ ...context, scratch })) kernels.push({ ...kernel, scope: first.scope });
    scratchBytes = Math.max(scratchBytes, scratch.bytes);
    step += group.nodes.length;
  }
  return { kernels, scratchBytes };
}

interface Group {
  readonly nodes: readonly AnyNode[];
  readonly lower: (context: LoweringContext) => Kernel[];
}

function groupAt(plan: Plan, step: number, uses: ReadonlyMap<Value, number>, maxBindings: number): Group {
  const { steps } = plan;
  const node = steps[step];
  if (node === undefined) return { nodes: [], lower: () => [] };
  if (node.op === 'adamW') {
    const nodes = [node];
    for (let next = steps[step + nodes.length]; next?.op === 'adamW'; next = steps[step + nodes.length]) nodes.push(next);
    return { nodes, lower: (context) => optimiser.adamW(nodes, context) };
  }
  if (!isPointwise(node)) return { nodes: [node], lower: (context) => lower(node as Node<OpKind>, context) };
  const nodes: PointwiseNode[] = [node];
  for (
    let next = steps[step + nodes.length];
    next !== undefined && isPointwise(next) && extendsChain(plan, nodes, next, uses, maxBindings);
    next = steps[step + nodes.length]
  )
    nodes.push(next);
  return { nodes, lower: (context) => pointwise(nodes, storedOf(nodes, uses), context) };
}

/** How often each value is read by steps; a graph output counts once more. */
function countUses({ steps, graph }: Plan): Map<Value, number> {
  const uses = new Map<Value, number>();
  const add = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  steps.forEach(({ inputs }) => inputs.forEach(add));
  for (const value of graph.outputs.values()) add(value);
  for (const value of graph.updates.values()) add(value);
  return uses;
}

/** Outputs of a chain that are read outside it. */
function storedOf(nodes: readonly PointwiseNode[], uses: ReadonlyMap<Value, number>): Set<Value> {
  const inside = new Map<Value, number>();
  nodes.forEach((node) => streamsOf(node).forEach((value) => inside.set(value, (inside.get(value) ?? 0) + 1)));
  return new Set(nodes.flatMap(({ outputs }) => outputs).filter((value) => (uses.get(value) ?? 0) > (inside.get(value) ?? 0)));
}

/**
 * A node joins a chain when it takes up the chain's last result, has its instances, leaves no more bindings than the device has, and when no
 * result of the chain would be written over a part of what another of its elements still reads.
 */
function extendsChain(
  plan: Plan,
  chain: readonly PointwiseNode[],
  next: PointwiseNode,
  uses: ReadonlyMap<Value, number>,
  maxBindings: number,
): boolean {
  const last = chain.at(-1)?.outputs[0];
  if (last === undefined || !streamsOf(next).includes(last)) return false;
  const nodes = [...chain, next];
  const produced = new Set(nodes.flatMap(({ outputs }) => outputs));
  const channelInputs = nodes.flatMap((node) => node.inputs.filter((value) => !streamsOf(node).includes(value)));
  if (channelInputs.some((value) => produced.has(value))) return false;
  const instances = new Set(nodes.flatMap((node) => ('instances' in node.attributes ? [node.attributes.instances] : [])));
  if (instances.size > 1) return false;
  const streams = new Set(nodes.flatMap(streamsOf).filter((value) => !produced.has(value)));
  const stored = storedOf(nodes, uses);
  const places = new Set([...streams, ...stored].map((value) => plan.placements.get(value)?.offset));
  if (places.size + nodes.reduce((sum, node) => sum + channelBindings(node), 0) > maxBindings) return false;
  const read = [...streams, ...channelInputs];
  return [...stored].every((output) => read.every((value) => apart(plan, output, value)));
}

/** Whether two values lie in disjoint places, or element by element in the very same. */
function apart({ placements }: Plan, first: Value, second: Value): boolean {
  const [a, b] = [placements.get(first), placements.get(second)];
  if (a === undefined || b === undefined) return false;
  return (
    (a.offset === b.offset && a.bytes === b.bytes && first.type.element === second.type.element) ||
    a.offset + a.bytes <= b.offset ||
    b.offset + b.bytes <= a.offset
  );
}
