/** One hostile thing done to the native engine, in a process of its own: `node border.ts SCENARIO`. Prints what came of it, a line a result. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { StudioError } from '#shared/base/errors.ts';
import { createCpuExecutor } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { nativeModule, type NativeOperand } from '#main/engine/executors/cpu/native.ts';
import type { Session } from '#main/engine/executors/executor.ts';
import { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { elementCount, f32, i32, type HostData } from '#main/engine/tensor/tensorType.ts';

const SIDE = 48;
const CHANNELS = 32;

/** A convolution that takes long enough for something to happen meanwhile. */
async function slowSession(): Promise<{ session: Session; x: Value; y: Value }> {
  const builder = new GraphBuilder();
  const x = builder.input('x', f32(1, CHANNELS, SIDE, SIDE, SIDE));
  const weight = builder.parameter('weight', f32(1, CHANNELS, CHANNELS, 3, 3, 3));
  const attributes = { kernel: 3, stride: 1, padding: 1, instances: 1, activation: 'none' as const };
  let y = x;
  for (let layer = 0; layer < 4; layer++)
    y = builder.apply('conv3d', attributes, [y, weight, builder.parameter(`bias${layer}`, f32(1, CHANNELS))], 's');
  builder.output('y', y);
  const executor = createCpuExecutor({ threads: 2 });
  return { session: await executor.prepare(makePlan(builder.build(), executor)), x, y };
}

async function outcome(what: Promise<unknown>): Promise<void> {
  await what.then(
    () => {
      console.log('done');
    },
    (error: unknown) => {
      console.log(error instanceof StudioError ? `${error.message} ${error.detail ?? ''}` : String(error));
    },
  );
}

/** Writes what `data` gives while a run is under way, harms it at once, and waits for both. */
async function harmed(data: Float32Array, harm: () => void, directly = false): Promise<void> {
  const { session, x } = await slowSession();
  const running = directly ? Promise.resolve() : session.run();
  const writing = session.write(x, data);
  if (directly) await Promise.resolve(); // the write is under way
  harm();
  await outcome(writing);
  await running;
  await session.run();
  console.log('goes on');
}

/** Writes `data` where the loss reads its indices, and runs. */
async function badIndices(build: (builder: GraphBuilder) => { indices: Value; loss: Value }, data: Int32Array): Promise<void> {
  const builder = new GraphBuilder();
  const { indices, loss } = build(builder);
  builder.output('loss', loss);
  const executor = createCpuExecutor({ threads: 2 });
  const session = await executor.prepare(makePlan(builder.build(), executor));
  await outcome(session.write(indices, data).then(() => session.run()));
}

const count = elementCount([1, CHANNELS, SIDE, SIDE, SIDE]);

const scenarios: Record<string, () => Promise<void>> = {
  labels: () =>
    badIndices(
      (builder) => {
        const label = builder.input('label', i32(1, 8, 8, 8));
        const logits = builder.parameter('logits', f32(1, 3, 8, 8, 8));
        return {
          indices: label,
          loss: builder.apply(
            'diceCrossEntropy',
            { diceWeight: 1, crossEntropyWeight: 1, epsilon: 1e-5, overBatch: false, classWeights: [], inside: [] },
            [logits, label],
            's',
          ),
        };
      },
      new Int32Array(512).fill(2 ** 28),
    ),
  pseudo: () =>
    badIndices((builder) => {
      const pseudo = builder.input('pseudo', i32(1, 4, 2));
      const inputs = [builder.parameter('logits', f32(1, 4, 2, 6, 1)), pseudo, builder.input('masked', i32(1, 4))];
      return { indices: pseudo, loss: builder.apply('pseudoLabelLoss', { temperature: 0.1 }, inputs, 's') };
    }, new Int32Array(8).fill(-1)),
  transferredWaiting: () => {
    const data = new Float32Array(count);
    return harmed(data, () => structuredClone(data, { transfer: [data.buffer] }));
  },
  transferredRunning: () => {
    const data = new Float32Array(count);
    return harmed(
      data,
      () => {
        structuredClone(data, { transfer: [data.buffer] });
        globalThis.gc?.();
      },
      true,
    );
  },
  shrunk: () => {
    const buffer = new ArrayBuffer(count * 4, { maxByteLength: count * 8 });
    return harmed(new Float32Array(buffer), () => {
      buffer.resize(0);
    });
  },
  shared: () => harmed(new Float32Array(new SharedArrayBuffer(count * 4)), () => undefined),
  short: async () => {
    const { session, x } = await slowSession();
    await outcome(session.write(x, new Float32Array(count - 1)));
    await outcome(session.write(x, new Int32Array(count)));
  },
  /** A program whose operands lie outside its memory, and calls with data of another length, past the typed layers. */
  operands: async () => {
    const { Engine, Program } = nativeModule();
    const engine = new Engine(2, '', false);
    const at = (offset: number, ...shape: number[]): NativeOperand => ({ offset, shape, element: 'f32' });
    const add = nativeModule().operations.findIndex(({ name }) => name === 'add');
    const program = (a: NativeOperand): InstanceType<typeof Program> =>
      new Program(engine, 4096, [{ code: add, inputs: [a, at(0, 16)], outputs: [at(0, 16)], integers: [], reals: [] }]);
    for (const operand of [at(2 ** 33, 16), at(-64, 16), at(4032, 1024), at(0, 2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20), at(0, -4), at(2, 16)]) {
      await outcome(Promise.resolve().then(() => program(operand).run()));
    }
    const sound = program(at(1024, 16));
    await outcome(Promise.resolve().then(() => sound.write(at(4096, 16), new Float32Array(16))));
    await outcome(Promise.resolve().then(() => sound.write(at(0, 16), new Float32Array(1))));
    await outcome(Promise.resolve().then(() => sound.read(at(0, 1024), new Float32Array(4))));
    await outcome(Promise.resolve().then(() => sound.write(at(0, 16), { length: 16 } as unknown as HostData as Float32Array)));
    await outcome(Promise.resolve().then(() => new Program({} as InstanceType<typeof Engine>, 64, []).run()));
  },
  /** A step that reads far beyond its tensors, inside the arena: harmless in a release, the end under the guards of scripts/sanitize.mjs. */
  overrun: async () => {
    const { Engine, Program, operations } = nativeModule();
    const at = (offset: number, length: number): NativeOperand => ({ offset, shape: [length], element: 'f32' });
    const code = operations.findIndex(({ name }) => name === 'add');
    const step = { code, inputs: [at(32768, 16), at(49152, 16)], outputs: [at(0, 4096)], integers: [], reals: [] };
    await outcome(new Program(new Engine(1, '', false), 65536, [step]).run());
  },
  /** A worker is ended while it writes, runs and reads. */
  terminate: async () => {
    for (let round = 0; round < 12; round++) {
      const worker = new Worker(import.meta.filename, { argv: ['endless'] });
      await new Promise((resolve) => worker.once('message', resolve));
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      await worker.terminate();
    }
    console.log('done');
  },
  endless: async () => {
    const { session, x, y } = await slowSession();
    parentPort?.postMessage('running');
    for (;;) {
      await Promise.all([session.write(x, new Float32Array(count)), session.run(), session.read(y), session.run()]);
    }
  },
  /** As in a container with a limit: address space for a few more threads, not for 900. */
  threads: async () => {
    const kilobytes = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    const builder = new GraphBuilder();
    const a = builder.input('a', f32(64));
    builder.output('b', builder.apply('add', {}, [a, a], 's'));
    nativeModule();
    await new Promise((resolve) => setTimeout(resolve, 10)); // Node's own threads have started
    const limited = spawnSync('prlimit', ['--pid', String(process.pid), `--as=${(kilobytes + 200_000) * 1024}:unlimited`]);
    if (limited.status !== 0) {
      console.log('no prlimit');
      return;
    }
    const executor = createCpuExecutor({ threads: 900 });
    spawnSync('prlimit', ['--pid', String(process.pid), '--as=unlimited']);
    const session = await executor.prepare(makePlan(builder.build(), executor));
    await session.write(a, new Float32Array(64).fill(3));
    await session.run();
    console.log(executor.threads > 0 && executor.threads < 900 ? 'fewer threads' : `${executor.threads} threads`);
    executor.dispose();
  },
};

const name = isMainThread ? process.argv[2] : 'endless';
await scenarios[name ?? '']?.();
if (isMainThread) process.exit(0);
