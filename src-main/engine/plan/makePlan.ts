import { memorySize } from '#shared/base/bytes.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { overwritten, slotsOf } from './lifetimes.ts';
import { placeSlots } from './placement.ts';
import type { Placement, Plan, PlanTarget } from './plan.ts';
import { recompute, recomputeLevels, type RecomputeLevel } from './recompute.ts';

export interface PlanOptions {
  /** Upper bound of the arena in bytes. The plan recomputes as little as it takes to stay below it. */
  readonly memoryBudgetBytes?: number;
}

/**
 * Decides order, memory and recomputation of a graph for an executor.
 * Throws `out-of-memory`, naming what it would take, when no level of recomputation fits the budget.
 */
export function makePlan(graph: Graph, target: PlanTarget, { memoryBudgetBytes = Infinity }: PlanOptions = {}): Plan {
  let least = Infinity;
  for (const level of recomputeLevels) {
    const plan = planAt(graph, target, level);
    if (plan.arenaBytes <= memoryBudgetBytes) return plan;
    least = Math.min(least, plan.arenaBytes);
  }
  throw new StudioError(
    'out-of-memory',
    `This needs at least ${memorySize(least, 2)} of memory but only ${memorySize(memoryBudgetBytes, 2)} may be used. Choose a smaller patch, batch or model.`,
  );
}

function planAt(original: Graph, target: PlanTarget, level: RecomputeLevel): Plan {
  const { graph: whole, recomputed } = recompute(original, level);
  const graph = target.narrow?.(whole) ?? whole;
  const placements = new Map<Value, Placement>();
  let persistentBytes = 0;
  const place = (value: Value): void => {
    const bytes = target.storageBytes(value.type);
    placements.set(value, { offset: persistentBytes, bytes });
    persistentBytes += bytes;
  };
  graph.parameters.forEach(place);
  graph.states.forEach(place);
  graph.inputs.forEach(place);

  const slots = slotsOf(graph, (value) => target.storageBytes(value.type), target.reusesMemory);
  const { offsets, bytes } = placeSlots(slots);
  for (const slot of slots) {
    for (const value of slot.values) placements.set(value, { offset: persistentBytes + (offsets.get(slot) ?? 0), bytes: slot.bytes });
  }
  for (const node of graph.nodes) {
    node.outputs.forEach((output, index) => {
      const source = overwritten(node, index);
      const placement = source && placements.get(source);
      if (placement !== undefined) placements.set(output, placement);
    });
  }
  return { graph, steps: graph.nodes, placements, arenaBytes: persistentBytes + bytes, persistentBytes, recomputed };
}
