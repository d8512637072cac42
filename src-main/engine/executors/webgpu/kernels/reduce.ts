import type { Value } from '../../../graph/graph.ts';
import { activation } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, operand, type Kernel, type Operand } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { overGroup } from '../overGroup.ts';

/** Threads of a reducing workgroup, and the values that one of them adds before the sums are combined. */
const THREADS = 128;
const CHUNK = 16384;

/**
 * Sums over voxels (and samples of an instance), one result row per (instance, channel). `terms` is WGSL that sees `i` (element index),
 * `row` (g·C + c), `sample`, `channel` and `voxel`, and adds to the f32 variables s0…; `finish` sees their totals and `row`.
 */
export interface ChannelReduction {
  readonly name: string;
  readonly instances: number;
  readonly batch: number;
  readonly channels: number;
  readonly voxels: number;
  readonly sums: 1 | 2 | 3 | 4;
  readonly functions?: string;
  /** Runs once per thread and sees `row`. */
  readonly setup?: string;
  readonly terms: string;
  readonly finish: string;
  readonly inputs: Readonly<Record<string, Operand>>;
  readonly outputs: Readonly<Record<string, Operand>>;
  readonly floats?: Readonly<Record<string, number>>;
  readonly bytes: number;
}

/** One kernel, or two for long rows: partial sums into scratch, then their sum in a fixed order. */
export function reduceChannels(reduction: ChannelReduction, context: LoweringContext): Kernel[] {
  const { name, instances, batch, channels, voxels, sums } = reduction;
  const rows = instances * channels;
  const count = batch * voxels;
  const chunks = ceilDivide(count, CHUNK);
  const integers = { B: batch, C: channels, V: voxels, M: count, rows, chunks, perChunk: ceilDivide(count, chunks) };
  const names = Array.from({ length: sums }, (_unused, index) => `s${index}`);
  const floats = reduction.floats ?? {};
  const loop = `
  let row = block / u.chunks; let channel = row % u.C; let chunk = block % u.chunks;
  ${reduction.setup ?? ''}
  let end = min(u.M, (chunk + 1u) * u.perChunk);
  for (var e = chunk * u.perChunk + t; e < end; e += ${THREADS}u) {
    let voxel = e % u.V; let sample = (row / u.C) * u.B + e / u.V;
    let i = (sample * u.C + channel) * u.V + voxel;
    ${reduction.terms}
  }`;
  const direct = chunks === 1;
  const partial = direct ? undefined : context.scratch.take(rows * chunks * sums);
  const first: Kernel = {
    name,
    integers,
    floats,
    operands: { ...reduction.inputs, ...(partial === undefined ? reduction.outputs : { partial }) },
    code: program(
      context,
      reduction.functions ?? '',
      loop,
      names,
      direct
        ? reduction.finish
        : names.map((sum, index) => `set_partial((row * u.chunks + chunk) * ${sums}u + ${index}u, ${sum});`).join(' '),
    ),
    workgroups: flatGrid(rows * chunks),
    work: { operations: rows * count * sums * 2, bytes: reduction.bytes },
  };
  if (partial === undefined) return [first];
  const second: Kernel = {
    name: `${name}: totals`,
    integers,
    floats,
    operands: { partial, ...finishOperands(reduction) },
    code: program(
      context,
      reduction.functions ?? '',
      `
  let row = block; let channel = row % u.C;
  ${usesSetup(reduction) ? (reduction.setup ?? '') : ''}
  for (var chunk = t; chunk < u.chunks; chunk += ${THREADS}u) {
    ${names.map((sum, index) => `${sum} += partial((row * u.chunks + chunk) * ${sums}u + ${index}u);`).join(' ')}
  }`,
      names,
      reduction.finish,
    ),
    workgroups: flatGrid(rows),
    work: { operations: rows * chunks * sums, bytes: rows * chunks * sums * 4 },
  };
  return [first, second];
}

/** The second kernel needs what `finish` (and the set-up whose names it uses) reads. */
function finishOperands(reduction: ChannelReduction): Record<string, Operand> {
  const text = reduction.finish + (usesSetup(reduction) ? (reduction.setup ?? '') : '');
  const read = Object.entries(reduction.inputs).filter(([name]) => new RegExp(`\\b${name}\\(`).test(text));
  return { ...Object.fromEntries(read), ...reduction.outputs };
}

function usesSetup({ setup = '', finish }: ChannelReduction): boolean {
  return [...setup.matchAll(/let (\w+)/g)].some(([, name]) => name !== undefined && new RegExp(`\\b${name}\\b`).test(finish));
}

function program(context: LoweringContext, functions: string, loop: string, names: readonly string[], finish: string): string {
  const type = names.length === 1 ? 'f32' : `vec${names.length}<f32>`;
  const total = overGroup('sum', THREADS, type, context);
  return `${functions}
${total.functions}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32${total.parameters}) {
  let block = group(id);
  if (block >= u.rows * u.chunks) { return; }
  ${names.map((sum) => `var ${sum} = 0.0;`).join(' ')}
  ${loop}
  let totals = ${total.of(`${type}(${names.join(', ')})`)};
  if (t == 0u) {
    ${names.map((sum, index) => `${sum} = totals${names.length === 1 ? '' : `[${index}]`};`).join(' ')}
    ${finish}
  }
}`;
}

/** dBias = Σ dy over samples and voxels, per instance and channel. */
export function biasGradient(dy: Value, dBias: Value, instances: number, context: LoweringContext): Kernel[] {
  const { n, c, d, h, w } = activation(dy.type);
  return reduceChannels(
    {
      name: 'bias gradient',
      instances,
      batch: n / instances,
      channels: c,
      voxels: d * h * w,
      sums: 1,
      terms: 's0 += dy(i);',
      finish: 'set_dBias(row, s0);',
      inputs: { dy: operand(dy) },
      outputs: { dBias: operand(dBias) },
      bytes: bytesOf(dy),
    },
    context,
  );
}
