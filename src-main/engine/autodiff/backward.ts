import { StudioError } from '#shared/base/errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { AnyNode, Node, Value } from '../graph/graph.ts';
import type { OpKind } from '../ops/attributes.ts';
import { operations } from '../ops/table.ts';

/**
 * Appends to `builder` the nodes that compute dLoss/dTarget for every target (reverse-mode differentiation over the nodes built so far).
 * @param loss first output of a loss operation, shape [1]
 * @param upstream f32 [1], what the gradients are multiplied by (a loss scale); 1 unless given
 * @returns gradient per target, of the target's shape. Throws `internal` for a target that the loss does not depend on.
 */
export function backward(builder: GraphBuilder, loss: Value, targets: readonly Value[], upstream?: Value): Map<Value, Value> {
  return backwardOfSum(builder, new Map([[loss, upstream]]), targets);
}

/** As `backward`, of a sum of losses, each with what its gradients are multiplied by. */
export function backwardOfSum(
  builder: GraphBuilder,
  losses: ReadonlyMap<Value, Value | undefined>,
  targets: readonly Value[],
): Map<Value, Value> {
  const forward = [...builder.nodes];
  const needed = new Set<Value>(targets);
  for (const node of forward) if (node.inputs.some((value) => needed.has(value))) node.outputs.forEach((value) => needed.add(value));

  const gradients = new Map<Value, Value>([...losses].flatMap(([loss, upstream]) => (upstream === undefined ? [] : [[loss, upstream]])));
  const lossNodes = new Set([...losses.keys()].map((loss) => builder.producer(loss)));
  for (const node of forward.reverse()) {
    if (!lossNodes.has(node) && !node.outputs.some((value) => gradients.has(value))) continue;
    const inputGradients = applyRule(builder, node, gradients, needed);
    node.inputs.forEach((value, index) => {
      const gradient = inputGradients[index];
      if (gradient === undefined || !needed.has(value)) return;
      const earlier = gradients.get(value);
      gradients.set(value, earlier === undefined ? gradient : builder.apply('add', {}, [earlier, gradient], node.scope));
    });
  }
  return new Map(
    targets.map((target) => {
      const gradient = gradients.get(target);
      if (gradient === undefined)
        throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `no gradient reaches ${target.name}` });
      return [target, gradient];
    }),
  );
}

function applyRule<K extends OpKind>(
  builder: GraphBuilder,
  node: AnyNode,
  gradients: ReadonlyMap<Value, Value>,
  needed: ReadonlySet<Value>,
): readonly (Value | undefined)[] {
  const { op } = node as Node<K>;
  const rule = operations[op].gradient;
  if (rule === 'not differentiable') {
    throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `${op} has no gradient` });
  }
  return rule({
    builder,
    node: node as Node<K>,
    gradients: node.outputs.map((value) => gradients.get(value)),
    wanted: (index) => {
      const value = node.inputs[index];
      return value !== undefined && needed.has(value);
    },
  });
}
