/**
 * What the first prediction after a start costs, from the start of the process: opening the device, making pipelines, the first run (in which
 * some drivers compile), and a second run, which only computes:
 *   node test/bench/gpuStart.ts VARIANT SIDE [ADAPTER]
 * Drivers keep a cache of their own on the disk: for a cold start, empty it or turn it off (Mesa: MESA_SHADER_CACHE_DISABLE=true).
 */
import { createWebgpuExecutor } from '#main/engine/executors/webgpu/executor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from '#main/model/build.ts';
import { variant } from '#main/model/variants.ts';

const [name = 'small', side = '48', adapter] = process.argv.slice(2);
let [wall, cpu] = [0, 0];

function report(what: string): void {
  const [now, used] = [performance.now() / 1000, process.cpuUsage().user / 1e6];
  console.log(`${what}: ${(now - wall).toFixed(2)} s, ${(used - cpu).toFixed(2)} s of processor time`);
  [wall, cpu] = [now, used];
}

report('start of the process');
const executor = await createWebgpuExecutor({ adapter });
report(`opening ${executor.description}`);
const { builder, x, logits } = buildModel(variant(name, 14), {
  batch: 1,
  size: [Number(side), Number(side), Number(side)],
  mode: 'predict',
});
builder.output('logits', logits);
const plan = makePlan(builder.build(), executor);
report('network and plan');
const session = await executor.prepare(plan);
for (const value of plan.graph.parameters) await session.write(value, new Float32Array(elementCount(value.type.shape)).fill(0.01));
await session.write(
  x,
  Float32Array.from({ length: elementCount(x.type.shape) }, (_unused, at) => Math.sin(at)),
);
report(`${session.pipelines} pipelines for ${session.program.kernels.length} kernels`);
for (const run of ['first run', 'second run']) {
  await session.run();
  await session.read(logits);
  report(run);
}
session.dispose();
executor.dispose();
