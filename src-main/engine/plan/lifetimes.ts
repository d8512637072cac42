import type { AnyNode, Graph, Value } from '../graph/graph.ts';
import { operations } from '../ops/table.ts';

/** A stretch of steps in which some memory is occupied, by one value or by several that follow each other in place. */
export interface Slot {
  readonly values: Value[];
  readonly bytes: number;
  first: number;
  last: number;
}

/**
 * Lifetimes of all intermediates over the steps of a graph, with in-place chains merged: an elementwise output takes over the memory of
 * an input that nobody needs afterwards (when `reuse`), and results written over parameters or states get no slot at all.
 * @param storageBytes the executor's size of a value
 */
export function slotsOf(graph: Graph, storageBytes: (value: Value) => number, reuse: boolean): Slot[] {
  const { nodes } = graph;
  const lastUse = new Map<Value, number>();
  nodes.forEach((node, step) => node.inputs.forEach((value) => lastUse.set(value, step)));
  for (const value of graph.outputs.values()) lastUse.set(value, nodes.length);

  const slots = new Map<Value, Slot>();
  nodes.forEach((node, step) => {
    node.outputs.forEach((output, index) => {
      if (overwritten(node, index) !== undefined) return;
      const bytes = storageBytes(output);
      const last = lastUse.get(output) ?? step;
      const taken = reuse && index === 0 ? reusable(node, step, bytes, slots, lastUse) : undefined;
      if (taken === undefined) {
        slots.set(output, { values: [output], bytes, first: step, last });
      } else {
        taken.values.push(output);
        taken.last = Math.max(taken.last, last);
        slots.set(output, taken);
      }
    });
  });
  return [...new Set(slots.values())];
}

/** The input value that output `index` of a node is written over, if its operation always works in place there. */
export function overwritten(node: AnyNode, index: number): Value | undefined {
  const target = operations[node.op].overwrites?.[index];
  return target === undefined ? undefined : node.inputs[target];
}

function reusable(
  node: AnyNode,
  step: number,
  bytes: number,
  slots: ReadonlyMap<Value, Slot>,
  lastUse: ReadonlyMap<Value, number>,
): Slot | undefined {
  for (const index of operations[node.op].mayReuse ?? []) {
    const candidate = node.inputs[index];
    const slot = candidate && slots.get(candidate);
    if (candidate === undefined || slot === undefined || slot.bytes !== bytes || candidate.type.element !== node.outputs[0]?.type.element)
      continue;
    const usedOnce = node.inputs.filter((value) => slots.get(value) === slot).length === 1;
    if (usedOnce && lastUse.get(candidate) === step && slot.last === step) return slot;
  }
  return undefined;
}
