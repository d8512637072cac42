import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import type { Graph, Value } from '#main/engine/graph/graph.ts';
import { overwritten } from '#main/engine/plan/lifetimes.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { Plan } from '#main/engine/plan/plan.ts';
import { recompute, recomputeLevels } from '#main/engine/plan/recompute.ts';
import { elementCount } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from '#main/model/build.ts';
import { paperLoss, paperOptimiser, trainingStep } from '#main/model/trainingStep.ts';
import { initialWeights, loadWeights, readWeights } from '#main/model/weights.ts';
import { variant } from '#main/model/variants.ts';

const target = { storageBytes: (type: Value['type']): number => elementCount(type.shape) * 4, reusesMemory: true };

function tinyStep(): { graph: Graph; step: ReturnType<typeof trainingStep>; model: ReturnType<typeof buildModel> } {
  const model = buildModel({ ...variant('tiny', 3), dims: [4, 4, 6], features: 4 }, { batch: 1, size: [16, 16, 16], mode: 'train' });
  const step = trainingStep(model, { loss: paperLoss, optimiser: paperOptimiser });
  return { graph: step.graph, step, model };
}

/** Replays a plan symbolically: every byte range remembers who wrote it last, and every read must find its own value there. */
function replay(plan: Plan): string[] {
  const owners: { start: number; end: number; value: Value }[] = [];
  const write = (value: Value): void => {
    const placement = plan.placements.get(value);
    if (placement === undefined) throw new Error(`${value.name} has no place`);
    const [start, end] = [placement.offset, placement.offset + target.storageBytes(value.type)];
    for (let index = owners.length - 1; index >= 0; index--)
      if ((owners[index]?.start ?? 0) < end && (owners[index]?.end ?? 0) > start) owners.splice(index, 1);
    owners.push({ start, end, value });
  };
  const problems: string[] = [];
  const check = (value: Value): void => {
    if (!owners.some((owner) => owner.value === value)) problems.push(`${value.name} was overwritten before it was read`);
  };
  [...plan.graph.parameters, ...plan.graph.states, ...plan.graph.inputs].forEach(write);
  for (const node of plan.steps) {
    node.inputs.forEach(check);
    node.outputs.forEach(write);
  }
  plan.graph.outputs.forEach(check);
  return problems;
}

describe('the plan', () => {
  for (const level of recomputeLevels) {
    it(`keeps every value until its last reader, recomputing ${level}`, () => {
      const { graph } = recompute(tinyStep().graph, level);
      expect(replay(makePlan(graph, target))).toEqual([]);
    });
  }

  it('finds a value that is overwritten too early (the replay can fail)', () => {
    const plan = makePlan(tinyStep().graph, target);
    const broken = new Map(
      [...plan.placements].map(([value, place]) => [value, value.role === 'intermediate' ? { ...place, offset: 0 } : place]),
    );
    expect(replay({ ...plan, placements: broken }).length).toBeGreaterThan(0);
  });

  it('writes optimiser results over the parameters and moments themselves', () => {
    const plan = makePlan(tinyStep().graph, target);
    const updates = plan.steps.filter(({ op }) => op === 'adamW');
    expect(updates.length).toBeGreaterThan(10);
    for (const node of updates)
      node.outputs.forEach((output, index) =>
        expect(plan.placements.get(output)).toEqual(plan.placements.get(overwritten(node, index) as Value)),
      );
  });

  it('recomputes no more than a budget asks for, and says when nothing fits', () => {
    const { graph } = tinyStep();
    const free = makePlan(graph, target);
    expect(free.recomputed).toBe(0);
    const tight = makePlan(graph, target, { memoryBudgetBytes: free.arenaBytes - 1 });
    expect(tight.recomputed).toBeGreaterThan(0);
    expect(tight.arenaBytes).toBeLessThan(free.arenaBytes);
    expect(() => makePlan(graph, target, { memoryBudgetBytes: 1000 })).toThrow(/at least \d+\.\d+ MiB/);
  });

  it('computes the same weights whatever it recomputes', async () => {
    const results: Float32Array[] = [];
    for (const level of ['nothing', 'moderate'] as const) {
      const { graph, step, model } = tinyStep();
      const executor = createReferenceExecutor();
      const session = await executor.prepare(makePlan(recompute(graph, level).graph, executor));
      await loadWeights(session, model, initialWeights(model, new Random(1)));
      const random = new Random(2);
      await session.write(
        step.x,
        Float32Array.from({ length: 4096 }, () => random.normal()),
      );
      await session.write(
        step.targets.label as Value,
        Int32Array.from({ length: 4096 }, () => random.integer(3)),
      );
      await session.write(step.hyper as Value, Float32Array.from([1e-2, 0.1, 0.001, 1]));
      await session.run();
      results.push(...[...(await readWeights(session, model)).values()].map(({ data }) => data as Float32Array));
    }
    const half = results.length / 2;
    for (let index = 0; index < half; index++) expect(results[index]).toEqual(results[index + half]);
  });
});
