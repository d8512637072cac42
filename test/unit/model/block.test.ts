import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { blockNames } from '#shared/domain/modelCard.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { f32 } from '#main/engine/tensor/tensorType.ts';
import { instanceLength, ModelBuilder } from '#main/model/modelBuilder.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { buildModel } from '#main/model/build.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights, loadWeights } from '#main/model/weights.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { encodeOnnx } from '#main/model/onnx/exportOnnx.ts';
import { compareOnnx, onnxRuntime } from '#main/model/onnx/verifyOnnx.ts';
import { writeTinyModel } from '../../support/tinyModel.ts';
import { encoderPart } from '#main/model/ulkanet.ts';

/** Channels of voxels, as plain loops over the formulas have them: nothing of the engine. */
type Channels = readonly (readonly number[])[];
type Named = ReadonlyMap<string, Float32Array>;

const [D, H, W, C, RATIO] = [3, 4, 5, 2, 2];
const volume = D * H * W;

const erf = (x: number): number => {
  // The series converges for what a test has.
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const gelu = (x: Channels): Channels => x.map((row) => row.map((value) => 0.5 * value * (1 + erf(value / Math.SQRT2))));
const sum = (a: Channels, b: Channels): Channels => a.map((row, c) => row.map((value, at) => value + (b[c]?.[at] ?? NaN)));
const product = (a: Channels, b: Channels): Channels => a.map((row, c) => row.map((value, at) => value * (b[c]?.[at] ?? NaN)));

function pieces(weights: Named, name: string) {
  const of = (key: string): Float32Array => weights.get(`${name}.${key}`) ?? new Float32Array();
  const pointwise = (x: Channels, key: string): Channels => {
    const [weight, bias] = [of(`${key}.weight`), of(`${key}.bias`)];
    return Array.from(bias, (offset, out) =>
      Array.from({ length: volume }, (_, at) =>
        x.reduce((total, row, c) => total + (weight[out * x.length + c] ?? NaN) * (row[at] ?? NaN), offset),
      ),
    );
  };
  const depthwise = (x: Channels, key: string, kernel: number, dilation: number): Channels => {
    const [weight, bias] = [of(`${key}.weight`), of(`${key}.bias`)];
    const half = (kernel - 1) / 2;
    return x.map((row, c) =>
      row.map((_, at) => {
        const [d, h, w] = [Math.floor(at / (H * W)), Math.floor(at / W) % H, at % W];
        let total = bias[c] ?? NaN;
        for (let a = 0; a < kernel; a++)
          for (let b = 0; b < kernel; b++)
            for (let e = 0; e < kernel; e++) {
              const [z, y, v] = [d + dilation * (a - half), h + dilation * (b - half), w + dilation * (e - half)];
              if (z < 0 || z >= D || y < 0 || y >= H || v < 0 || v >= W) continue;
              total += (weight[((c * kernel + a) * kernel + b) * kernel + e] ?? NaN) * (row[(z * H + y) * W + v] ?? NaN);
            }
        return total;
      }),
    );
  };
  const norm = (x: Channels, key: string): Channels =>
    x.map((row, c) => {
      const mean = row.reduce((total, value) => total + value, 0) / row.length;
      const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / row.length;
      return row.map(
        (value) => ((value - mean) / Math.sqrt(variance + 1e-5)) * (of(`${key}.weight`)[c] ?? NaN) + (of(`${key}.bias`)[c] ?? NaN),
      );
    });
  const scaled = (x: Channels, key: string): Channels => x.map((row, c) => row.map((value) => value * (of(key)[c] ?? NaN)));
  return { pointwise, depthwise, norm, scaled };
}

/** The block as LOGONET's table of differences and the paper's algorithms say it. */
function expected(kind: (typeof blockNames)[number], x: Channels, weights: Named): Channels {
  const { pointwise, depthwise, norm, scaled } = pieces(weights, 'b');
  const gate = (u: Channels, from: Channels): Channels =>
    pointwise(product(u, pointwise(depthwise(depthwise(from, 'attn.dw', 5, 1), 'attn.dil', 7, 3), 'attn.pw')), 'attn.proj_2');
  if (kind === 'literal') {
    const first = norm(x, 'norm1');
    const u = gelu(pointwise(first, 'attn.proj_1'));
    const second = norm(sum(first, gate(u, u)), 'norm2');
    return sum(second, pointwise(gelu(depthwise(gelu(pointwise(second, 'mlp.fc1')), 'mlp.dw', 3, 1)), 'mlp.fc2'));
  }
  const first = norm(x, 'norm1');
  const u = gelu(pointwise(first, 'attn.proj_1'));
  const attended = scaled(sum(first, gate(u, norm(u, 'attn.norm'))), 'scale_1');
  const middle = sum(attended, kind === 'authors' ? attended : x);
  const second = norm(middle, 'norm2');
  const mixed = scaled(pointwise(gelu(depthwise(pointwise(second, 'mlp.fc1'), 'mlp.dw', 3, 1)), 'mlp.fc2'), 'scale_2');
  return sum(mixed, kind === 'authors' ? mixed : middle);
}

it.each(blockNames)('the block "%s" is what its formulas say', async (kind) => {
  const m = new ModelBuilder('train');
  const x = m.graph.input('x', f32(1, C, D, H, W));
  const y = encoderPart(m, x, 'b', 1, { width: C, ratio: RATIO, block: kind });
  m.graph.output('y', y);
  const executor = createReferenceExecutor();
  const session = await executor.prepare(makePlan(m.graph.build(), executor));
  const random = new Random(11);
  const weights = new Map<string, Float32Array>();
  for (const spec of [...m.parameters, ...m.states]) {
    const data = Float32Array.from({ length: instanceLength(spec) * spec.names.length }, () =>
      spec.fixed === true ? 0 : random.uniform(-0.6, 0.9),
    );
    if (spec.fixed !== true) weights.set(spec.names[0] ?? '', data);
    await session.write(spec.value, data);
  }
  const image = Float32Array.from({ length: C * volume }, () => random.uniform(-1, 1));
  await session.write(x, image);
  await session.run();
  const computed = (await session.read(y)) as Float32Array;
  const channels = Array.from({ length: C }, (_, c) => [...image.subarray(c * volume, (c + 1) * volume)]);
  const truth = expected(kind, channels, weights).flat();
  expect(truth).toHaveLength(computed.length);
  expect(Math.max(...truth.map((value, at) => Math.abs(value - Number(computed[at]))))).toBeLessThan(1e-5);
  expect(Math.max(...truth.map(Math.abs))).toBeGreaterThan(0.1);
});

it.each(['authors', 'residual'] as const)(
  'a model of block "%s" keeps it in its card, and leaves as ONNX with one of each constant',
  async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'block-'));
    try {
      await writeTinyModel(folder, 1, kind);
      const model = await loadModel(folder);
      expect(model.card.architecture.block).toBe(kind);
      expect(model.weights.get('features.glob.enc.0.blocks.0.scale_1')?.data).toEqual(new Float32Array(8).fill(0.01));
      expect([...model.weights.keys()].filter((name) => name.startsWith('zeros'))).toEqual([]);
      const onnx = encodeOnnx(model);
      // As the name of a tensor (field 8): of the global branch's first stage, which has two factors and one constant.
      const name = Buffer.from('zeros.1x8');
      const asName = Buffer.concat([Buffer.from([(8 << 3) | 2, name.length]), name]);
      const file = Buffer.from(onnx);
      expect(file.indexOf(asName)).toBeGreaterThan(0);
      expect(file.indexOf(asName, file.indexOf(asName) + 1)).toBe(-1);
      const runtime = await onnxRuntime();
      if (runtime !== undefined) expect(await compareOnnx(runtime, onnx, model)).toBeLessThan(1e-4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

it.each(['authors', 'residual'] as const)('block "%s" predicts as it evaluates, with norms folded and without', async (kind) => {
  const architecture = variant('tiny', 3, 1, kind);
  const executor = createCpuExecutor({ threads: 1 });
  const random = new Random(5);
  const weights = initialWeights(buildModel(architecture, { batch: 1, size: [16, 16, 16], mode: 'train' }), random);
  for (const [name, { data }] of weights)
    if (/norm|scale/.test(name)) data.forEach((value, at) => (data[at] = value + random.uniform(-0.2, 0.4)));
  const image = Float32Array.from({ length: 16 ** 3 }, () => random.uniform(-1, 1));
  const logits = async (mode: 'eval' | 'predict'): Promise<Float32Array> => {
    const model = buildModel(architecture, { batch: 1, size: [16, 16, 16], mode });
    model.builder.output('logits', model.logits);
    const session = await executor.prepare(makePlan(model.builder.build(), executor));
    await loadWeights(session, model, weights);
    await session.write(model.x, image);
    await session.run();
    const read = Float32Array.from((await session.read(model.logits)) as Float32Array);
    session.dispose();
    return read;
  };
  const [evaluated, predicted] = [await logits('eval'), await logits('predict')];
  executor.dispose();
  expect(Math.max(...evaluated.map((value, at) => Math.abs(value - (predicted[at] ?? NaN))))).toBeLessThan(1e-4);
  expect(new Set(predicted).size).toBeGreaterThan(1000);
});
