import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { goldenStepError } from '#main/engine/devices/goldenStep.ts';
import { createWebgpuExecutor, type WebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { withHalfStorage } from '#main/engine/plan/halfStorage.ts';
import { NetworkPredictor } from '#main/inference/networkPredictor.ts';
import type { NamedTensor } from '#main/model/safetensors.ts';
import { paperOptimiser } from '#main/model/trainingStep.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights } from '#main/model/weights.ts';
import { TrainingNetwork, type StepInputs } from '#main/training/trainingNetwork.ts';
import { describeOn, lavapipe } from '#test/support/softwareVulkan.ts';

/** Small, because a software driver takes its time to compile. */
const architecture: ArchitectureConfig = { ...variant('unet', 2), dims: [4, 8], depths: [1, 1], mlpRatios: [1, 1], features: 6 };
const SIDE = 16;
const patch = [SIDE, SIDE, SIDE] as const;
const LIMIT = { timeout: 900_000 };
/** Minutes on a software driver. */
const quick = process.env['LOGONET_SLOW_TESTS'] === undefined;

/** A bright box in noise, elsewhere in every draw. */
function draw(seed: number): StepInputs & { readonly label: Int32Array } {
  const random = new Random(seed);
  const start = [0, 1, 2].map(() => 1 + random.integer(6));
  const label = Int32Array.from({ length: SIDE ** 3 }, (_unused, at) => {
    const place = [Math.floor(at / SIDE ** 2), Math.floor(at / SIDE) % SIDE, at % SIDE];
    return place.every((value, axis) => value >= (start[axis] ?? 0) && value < (start[axis] ?? 0) + 7) ? 1 : 0;
  });
  return { x: Float32Array.from(label, (value) => value + 0.4 * random.normal()), label };
}

async function open(executor: WebgpuExecutor, lossScale?: number): Promise<TrainingNetwork> {
  const network = await TrainingNetwork.create(executor, architecture, {
    batch: 1,
    patch: [...patch],
    optimiser: paperOptimiser,
    loss: { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 },
  });
  await network.load(initialWeights(network.model, new Random(1)));
  await network.loadMoments(new Map(lossScale === undefined ? [] : [['lossScale', { shape: [2], data: Float32Array.of(lossScale, 0) }]]));
  return network;
}

async function steps(network: TrainingNetwork, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) await network.step(draw(step), { learningRate: 1e-2, maximumNorm: 1, count: step + 1 });
}

/** Everything that training changes, running statistics aside. */
async function trained(network: TrainingNetwork): Promise<Map<string, NamedTensor>> {
  const weights = [...(await network.weights())].filter(([name]) => !name.includes('running'));
  return new Map([...weights, ...(await network.moments())]);
}

/** Over a few draws that were not trained on. */
async function dice(executor: WebgpuExecutor, network: TrainingNetwork): Promise<number> {
  const predictor = await NetworkPredictor.create(executor, architecture, [...patch], await network.weights());
  let [common, all] = [0, 0];
  for (const seed of [1000, 1001, 1002, 1003]) {
    const { x, label } = draw(seed);
    const probability = await predictor.predict(x);
    label.forEach((truth, at) => {
      const found = (probability[SIDE ** 3 + at] ?? 0) > 0.5 ? 1 : 0;
      common += truth * found;
      all += truth + found;
    });
  }
  predictor.dispose();
  return (2 * common) / all;
}

describeOn(
  [lavapipe],
  'training with float16 storage',
  (executor) => {
    it.skipIf(quick)('learns as well as with float32, in less memory', LIMIT, async () => {
      const full = await createWebgpuExecutor({ adapter: lavapipe.adapter });
      const networks = [await open(full), await open(executor())] as const;
      expect(networks[1].arenaBytes).toBeLessThan(0.75 * networks[0].arenaBytes);
      for (const network of networks) await steps(network, 0, 60);
      const [reached, wanted] = [await dice(executor(), networks[1]), await dice(full, networks[0])];
      expect(wanted).toBeGreaterThan(0.95);
      expect(Math.abs(reached - wanted)).toBeLessThan(0.02);
      networks.forEach((network) => {
        network.dispose();
      });
      full.dispose();
    });

    it('repeats a step whose gradients overflow at a smaller scale, as if it had never been tried', LIMIT, async () => {
      const network = await open(executor(), 2 ** 40);
      await steps(network, 0, 1);
      const after = await trained(network);
      const factor = Number(after.get('lossScale')?.data[0]);
      expect(factor).toBeLessThan(2 ** 40);
      expect(factor).toBeGreaterThan(1);
      const other = await open(executor(), factor);
      await steps(other, 0, 1);
      for (const [name, { data }] of await trained(other)) expect(after.get(name)?.data).toEqual(data);
      network.dispose();
      other.dispose();
    });

    it('leaves a loss that is no number, and its scale, to the training', LIMIT, async () => {
      const network = await open(executor());
      const before = (await network.moments()).get('lossScale')?.data;
      const { loss } = await network.step(
        { ...draw(1), x: new Float32Array(SIDE ** 3).fill(1e30) },
        { learningRate: 1e-2, maximumNorm: 1, count: 1 },
      );
      expect(loss).toBeNaN();
      expect((await network.moments()).get('lossScale')?.data).toEqual(before);
      network.dispose();
    });

    it('resumes from a checkpoint bit for bit', LIMIT, async () => {
      const [whole, first] = [await open(executor()), await open(executor())];
      await steps(whole, 0, 4);
      await steps(first, 0, 2);
      const second = await open(executor());
      await second.load(await first.weights());
      await second.loadMoments(await first.moments());
      await steps(second, 2, 4);
      expect(await trained(second)).toEqual(await trained(whole));
      [whole, first, second].forEach((network) => {
        network.dispose();
      });
    });

    it.skipIf(quick)('passes through every kind of kernel with the error of eleven bits', LIMIT, async () => {
      expect(await goldenStepError(executor())).toBeLessThan(8 * 2 ** -11);
    });
  },
  { narrow: withHalfStorage },
);

describeOn([lavapipe], 'a loss scale without float16 storage', (executor) => {
  it('changes no weight', LIMIT, async () => {
    const [scaled, plain] = [await open({ ...executor(), narrow: (graph) => graph }, 2 ** 10), await open(executor())];
    for (const network of [scaled, plain]) await steps(network, 0, 2);
    const found = await trained(scaled);
    for (const [name, { data }] of await trained(plain)) expect(found.get(name)?.data).toEqual(data);
    expect(found.get('lossScale')?.data).toEqual(Float32Array.of(2 ** 10, 2));
    [scaled, plain].forEach((network) => {
      network.dispose();
    });
  });
});
