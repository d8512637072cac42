import type { AnyNode, Graph, Node, Value } from '../graph/graph.ts';
import type { OpKind } from '../ops/attributes.ts';
import type { OpDefinition, RecomputeCost } from '../ops/definition.ts';
import { operations } from '../ops/table.ts';

/** How far the plan goes in making forward results again instead of keeping them for the backward pass. */
export const recomputeLevels = ['nothing', 'cheap', 'moderate', 'expensive'] as const satisfies readonly ('nothing' | RecomputeCost)[];
export type RecomputeLevel = (typeof recomputeLevels)[number];

/**
 * The graph with forward results of up to a given cost computed a second time, right before the backward pass first needs them, so that
 * the first copy can be dropped early. Values of the graph keep their identity; only backward readers see the copies.
 */
export function recompute(graph: Graph, level: RecomputeLevel): { readonly graph: Graph; readonly recomputed: number } {
  const boundary = graph.nodes.findIndex(({ op }) => operations[op].lossBoundary);
  if (level === 'nothing' || boundary < 0) return { graph, recomputed: 0 };

  const limit = recomputeLevels.indexOf(level);
  const producers = new Map<Value, AnyNode>();
  for (const node of graph.nodes.slice(0, boundary)) {
    const cost = costOf(node);
    if (cost !== 'never' && recomputeLevels.indexOf(cost) <= limit && node.outputs.length === 1)
      node.outputs.forEach((value) => producers.set(value, node));
  }

  const copies = new Map<Value, Value>();
  const steps: AnyNode[] = graph.nodes.slice(0, boundary);
  let nextId =
    1 + Math.max(...graph.nodes.flatMap((node) => node.outputs.map((value) => value.id)), ...graph.parameters.map((value) => value.id));
  const copyOf = (value: Value): Value => {
    const node = producers.get(value);
    if (node === undefined) return value;
    const existing = copies.get(value);
    if (existing !== undefined) return existing;
    const inputs = node.inputs.map(copyOf);
    const copy: Value = { ...value, id: nextId++, name: `${value.name} again` };
    steps.push({ ...node, inputs, outputs: [copy] } as AnyNode);
    copies.set(value, copy);
    return copy;
  };
  for (const node of graph.nodes.slice(boundary)) {
    const inputs = node.inputs.map(copyOf);
    steps.push({ ...node, inputs } as AnyNode);
  }
  return { graph: { ...graph, nodes: steps }, recomputed: copies.size };
}

function costOf<K extends OpKind>(node: AnyNode): RecomputeCost | 'never' {
  const { op, attributes } = node as Node<K>;
  const { recompute: cost }: OpDefinition<K> = operations[op];
  return typeof cost === 'function' ? cost(attributes) : cost;
}
