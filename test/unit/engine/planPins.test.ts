import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { withHalfStorage } from '#main/engine/plan/halfStorage.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import type { Plan } from '#main/engine/plan/plan.ts';
import { recompute, recomputeLevels } from '#main/engine/plan/recompute.ts';
import { byteCount, type TensorType } from '#main/engine/tensor/tensorType.ts';
import { buildModel, type HeadConfig } from '#main/model/build.ts';
import { paperLoss, paperOptimiser, trainingStep, type LossConfig } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';

const target = { storageBytes: (type: TensorType): number => Math.ceil(byteCount(type) / 256) * 256, reusesMemory: true };

/** Of the order of the steps and of where each writes. */
function digest({ steps, placements }: Plan): string {
  const hash = createHash('sha256');
  for (const { op, scope, outputs } of steps) {
    const places = outputs.map((value) => [value.type.element, placements.get(value)?.offset, placements.get(value)?.bytes].join(' '));
    hash.update(`${op} ${scope} ${places.join(',')}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

function plansOf(head: HeadConfig, loss: LossConfig, half: boolean): string[] {
  const model = buildModel(variant('small', 3), { batch: 1, size: [48, 48, 48], mode: 'train', head });
  const { graph } = trainingStep(model, { loss, optimiser: paperOptimiser, scaled: half });
  return recomputeLevels.map((level, index) => {
    const { graph: whole, recomputed } = recompute(graph, level);
    const plan = makePlan(whole, half ? { ...target, narrow: withHalfStorage } : target);
    return `level ${index}: ${plan.steps.length} steps, ${recomputed} again, ${plan.arenaBytes} bytes, ${digest(plan)}`;
  });
}

/** A change of a plan changes the bits of a training: whoever means it writes the new figures here. */
describe('the plans of a step of `small` keep their order, places and bytes', () => {
  const pseudoLabel: LossConfig = { kind: 'pseudoLabel', temperature: 0.1 };

  it('supervised', () => {
    expect(plansOf({ kind: 'segmentation' }, paperLoss, false)).toMatchInlineSnapshot(`
      [
        "level 0: 1268 steps, 0 again, 160325632 bytes, 597fb154bf8aba79",
        "level 1: 1388 steps, 120 again, 109988864 bytes, c55ef5b66162be97",
        "level 2: 1449 steps, 181 again, 103187456 bytes, 9a019fedeb9655c0",
        "level 3: 1493 steps, 225 again, 90764288 bytes, dd9f396599f1b05e",
      ]
    `);
  });

  it('supervised, stored as float16', () => {
    expect(plansOf({ kind: 'segmentation' }, paperLoss, true)).toMatchInlineSnapshot(`
      [
        "level 0: 1268 steps, 0 again, 94358784 bytes, 65699a37a8498f7c",
        "level 1: 1388 steps, 120 again, 68529920 bytes, d7b55662d4ce52d7",
        "level 2: 1449 steps, 181 again, 65127936 bytes, 1d0cad1db15661dd",
        "level 3: 1493 steps, 225 again, 61217280 bytes, fa1f02624e759eca",
      ]
    `);
  });

  it('pre-training', () => {
    expect(plansOf({ kind: 'pretrain', clusterers: 8, clusters: 16 }, pseudoLabel, false)).toMatchInlineSnapshot(`
      [
        "level 0: 1348 steps, 0 again, 169183488 bytes, c5e20142e29d7de3",
        "level 1: 1478 steps, 130 again, 110852352 bytes, 36537fa1dc4a4ec7",
        "level 2: 1539 steps, 191 again, 104050944 bytes, 0bcb6adbecab99d8",
        "level 3: 1589 steps, 241 again, 91887872 bytes, 896e639740ddae09",
      ]
    `);
  });

  it('pre-training, stored as float16', () => {
    expect(plansOf({ kind: 'pretrain', clusterers: 8, clusters: 16 }, pseudoLabel, true)).toMatchInlineSnapshot(`
      [
        "level 0: 1348 steps, 0 again, 98506752 bytes, 86041b226085e602",
        "level 1: 1478 steps, 130 again, 69630976 bytes, 1eabb6ae90ebc1f3",
        "level 2: 1539 steps, 191 again, 66236672 bytes, 6c9b00bac3985167",
        "level 3: 1589 steps, 241 again, 62327552 bytes, 03068a23ca893b5d",
      ]
    `);
  });
});
