import type { AnyNode, Graph, Value } from '../graph/graph.ts';
import { operations } from '../ops/table.ts';

/**
 * The values that float16 is enough for: activations and their gradients. Everything else stays float32: what the host writes or reads,
 * parameters, states, statistics, parameter gradients, logits and the loss. Arithmetic is float32 in any case.
 */
export function halfValues(graph: Graph): Set<Value> {
  const kept = new Set<Value>(graph.outputs.values());
  for (const { op, inputs } of graph.nodes) if (operations[op].storage === 'exact') inputs.forEach((value) => kept.add(value));
  return new Set(
    graph.nodes.flatMap(({ op, outputs: [first] }) =>
      first !== undefined && operations[op].storage === 'activation' && !kept.has(first) ? [first] : [],
    ),
  );
}

/** The graph with the given float32 values typed f16 (in new identities); the others stay the very same. */
export function withHalfStorage(graph: Graph, values: ReadonlySet<Value> = halfValues(graph)): Graph {
  const narrowed = new Map([...values].map((value): [Value, Value] => [value, { ...value, type: { ...value.type, element: 'f16' } }]));
  const of = (value: Value): Value => narrowed.get(value) ?? value;
  return {
    ...graph,
    inputs: graph.inputs.map(of),
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(of), outputs: node.outputs.map(of) }) as AnyNode),
    outputs: new Map([...graph.outputs].map(([name, value]) => [name, of(value)])),
  };
}
