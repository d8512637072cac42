import { describe, expect, it } from 'vitest';
import { goldenStepError, GOLDEN_TOLERANCE } from '#main/engine/devices/goldenStep.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { createWebgpuExecutor, type WebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { candidateId, candidates, shapeClass } from '#main/engine/executors/webgpu/kernels/candidates.ts';
import { problemShape, tuneDevice, tunedRates, type TuningProblem } from '#main/engine/executors/webgpu/tuning.ts';
import { GraphBuilder } from '#main/engine/graph/builder.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { f32 } from '#main/engine/tensor/tensorType.ts';
import { StudioError } from '#shared/base/errors.ts';
import { drawInputs, opCases, relativeError, runOp } from '#test/support/opCases.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';

/** x → x + x through an AdamW step on a parameter: something of everything that a session holds. */
function smallStep(): { graph: ReturnType<GraphBuilder['build']>; x: ReturnType<GraphBuilder['input']> } {
  const builder = new GraphBuilder();
  const x = builder.input('x', f32(1, 4, 4, 4, 4));
  const hyper = builder.input('hyper', f32(4));
  const weight = builder.parameter('weight', f32(1, 4, 4, 1, 1, 1));
  const bias = builder.parameter('bias', f32(1, 4));
  const y = builder.apply('conv3d', { kernel: 1, stride: 1, padding: 0, instances: 1, activation: 'none' }, [x, weight, bias], 'small');
  const [gradient] = builder.node('conv3dGradWeight', { kernel: 1, stride: 1, padding: 0, instances: 1 }, [x, y], 'small');
  const norm = builder.apply('gradientNorm', {}, [gradient!], 'small');
  const moments = [builder.state('m', weight.type), builder.state('v', weight.type)];
  const next = builder.node(
    'adamW',
    { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    [weight, gradient!, ...moments, norm, hyper],
    'small',
  );
  [weight, ...moments].forEach((persistent, index) => builder.update(persistent, next[index]!));
  builder.output('y', y);
  return { graph: builder.build(), x };
}

describeOn(softwareDrivers, 'a WebGPU device', (executor) => {
  it('passes the golden step', { timeout: 900_000 }, async () => {
    expect(await goldenStepError(executor())).toBeLessThan(GOLDEN_TOLERANCE);
  });

  it('holds the same memory after 1,000 steps', { timeout: 900_000 }, async () => {
    const { graph, x } = smallStep();
    const session = await executor().prepare(makePlan(graph, executor()));
    await session.write(x, new Float32Array(256).fill(0.5));
    const rss: number[] = [];
    const bytes = session.bytes;
    for (let step = 0; step < 1000; step++) {
      await session.run();
      if (step % 100 === 99) {
        await session.read(graph.outputs.get('y')!);
        rss.push(process.memoryUsage().rss);
      }
    }
    expect(session.bytes).toBe(bytes);
    // The first half is what the process itself needs to settle.
    expect(Math.min(...rss.slice(-3)) - Math.max(...rss.slice(0, 5))).toBeLessThan(24e6);
    session.dispose();
  });

  describe('tuning', () => {
    const problem: TuningProblem = { pass: 'forward', kernel: 1, inputs: 16, outputs: 16, side: 4 };
    const name = shapeClass(problemShape(problem));

    it('measures the ways that are worth it and leaves out one that computes wrong numbers', { timeout: 900_000 }, async () => {
      const shared = executor();
      const wrong = candidates.find(({ kind, ...tile }) => kind === 'gemm' && 'm' in tile && tile.m === 32 && tile.n === 32)!;
      const faulty: WebgpuExecutor = {
        ...shared,
        async prepare(plan, rates) {
          const session = await shared.prepare(plan, rates);
          if (rates?.(name, wrong) === 1) session.read = () => Promise.resolve(new Float32Array(16 * 64));
          return session;
        },
      };
      const measured = (await tuneDevice(faulty, { seconds: 500, problems: [problem] }))[name]!;
      expect(Object.keys(measured).length).toBeGreaterThan(1);
      expect(measured[candidateId(wrong)]).toBe(0);
      expect(Object.values(measured).some((rate) => rate > 0)).toBe(true);
      expect(tunedRates({ [name]: measured }, true)(name, wrong)).toBe(0);
    });

    it('stops when its time is over and keeps what is known', async () => {
      const known = { other: { x: 1 } };
      expect(await tuneDevice(executor(), { seconds: 0, problems: [problem], known })).toEqual(known);
    });
  });

  it('a lost device is a device error, before and during a run', async () => {
    const doomed = await createWebgpuExecutor();
    const { graph } = smallStep();
    const session = await doomed.prepare(makePlan(graph, doomed));
    doomed.device.destroy();
    await doomed.device.lost;
    await expect(session.run()).rejects.toMatchObject({ code: 'device' });
    await expect(session.run()).rejects.toBeInstanceOf(StudioError);
    doomed.dispose();
  });

  it('names the adapter that does not exist', async () => {
    await expect(createWebgpuExecutor({ adapter: 'Voodoo 2' })).rejects.toMatchObject({ code: 'device' });
  });
});

describeOn(
  softwareDrivers,
  'an adapter with small storage bindings',
  (executor) => {
    for (const name of [
      'conv3d 3³ 24→14',
      'conv3dGradWeight 3³ 24→14',
      'batchNormGradInput batch 2, gelu',
      'activationGrad gelu',
      'upsample2 ',
      'concatChannels 20 + 9',
      'adamW clipped',
      'cubeSplit batch 2',
    ]) {
      it(`splits what is larger than one: ${name}`, async () => {
        const opCase = opCases.find((each) => each.name === name);
        expect(opCase).toBeDefined();
        const data = drawInputs(opCase!);
        const expected = await runOp(createReferenceExecutor(), opCase!, data);
        const actual = await runOp(executor(), opCase!, data);
        actual.forEach((output, index) => expect(relativeError(output, expected[index]!)).toBeLessThan(2e-5));
      });
    }
  },
  { bindingLimit: 16384 },
);
