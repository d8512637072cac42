import { ceilDivide, flatGrid, type Kernel, type Operand, type Work } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';

export type Pass = 'forward' | 'input gradient' | 'weight gradient';

/** One pass of a dense convolution, seen as C[z] (m×n) = A[z] (m×k) · B[z] (k×n). */
export interface ProductShape {
  readonly pass: Pass;
  readonly kernel: number;
  readonly stride: number;
  /** Independent products: the instances. */
  readonly z: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Samples of an instance and the extents of a volume that input and output share: 3³ with stride 1 and padding 1 only. */
  readonly volume?: { readonly batch: number; readonly d: number; readonly h: number; readonly w: number };
}

/** What a product reads and writes, however it is computed. */
export interface ProductStorage {
  readonly name: string;
  readonly shape: ProductShape;
  readonly operands: Readonly<Record<string, Operand>>;
  /** Names of the operands that only `finish` touches. */
  readonly results: readonly string[];
  readonly integers: Readonly<Record<string, number>>;
  readonly work: Work;
  /** WGSL `fn finish(z: u32, m: u32, n: u32, value)`: takes one element, or when `vectorC` a vec4 of n…n+3; may define functions of its own. */
  readonly finish: string;
  readonly vectorC: boolean;
}

/** How a product is cut into workgroups: `groups` of one split, whose contracted axis has `steps` of `perStep` places. */
export interface Partition {
  readonly groups: number;
  readonly steps: number;
  readonly perStep: number;
  /** Places along the contracted axis. */
  readonly length: number;
  readonly integers: Readonly<Record<string, number>>;
  /** Bytes that all workgroups load from global memory, repeated loads counted. */
  readonly loaded: number;
}

/** Workgroups below which the contracted axis is split so that a large device stays busy. */
const ENOUGH_GROUPS = 256;

/** WGSL that hands a vec4 of results of row m on. */
export type Store = (value: string) => string;

/** WGSL, for component `c` of a vec4 of results: its column, and whether that exists. */
export interface Columns {
  readonly column: string;
  readonly inside: string;
}

/**
 * One kernel, or two where the contracted axis is split: partial products into scratch, then their sum in a fixed order.
 * @param code the shader, given how it is to store
 */
export function productKernels(
  storage: ProductStorage,
  { groups, steps, perStep, length, integers: own, loaded }: Partition,
  { scratch, maxScratch }: LoweringContext,
  code: (store: Store) => string,
  { column, inside }: Columns,
): Kernel[] {
  const { z, m, n } = storage.shape;
  const size = z * m * n;
  const wanted = Math.min(steps, ceilDivide(ENOUGH_GROUPS, groups), Math.max(1, Math.floor(maxScratch / 2 / size)));
  const perSplit = ceilDivide(steps, wanted) * perStep;
  const splits = ceilDivide(length, perSplit);
  const integers = { ...storage.integers, ...own, gm: m, gn: n, instancesZ: z, length, perSplit };
  const workgroups = flatGrid(groups * splits);
  const work = { ...storage.work, loaded };
  if (splits === 1) {
    const store: Store = storage.vectorC
      ? (value) => `{ let c = 0u; if (${inside}) { finish(z, m, ${column}, ${value}); } }`
      : (value) => `for (var c = 0u; c < 4u; c++) { if (${inside}) { finish(z, m, ${column}, ${value}[c]); } }`;
    return [{ name: storage.name, operands: storage.operands, integers, code: `${storage.finish}\n${code(store)}`, workgroups, work }];
  }
  const partial = scratch.take(size * splits);
  const inputs = Object.fromEntries(Object.entries(storage.operands).filter(([name]) => !storage.results.includes(name)));
  const store: Store = (value) =>
    `for (var c = 0u; c < 4u; c++) { if (${inside}) { set_partial(((split * u.instancesZ + z) * u.gm + m) * u.gn + ${column}, ${value}[c]); } }`;
  return [
    { name: storage.name, operands: { ...inputs, partial }, integers, code: code(store), workgroups, work },
    sumPartials(storage, partial, splits, size),
  ];
}

function sumPartials(
  { name, shape, operands, results, integers, finish, vectorC }: ProductStorage,
  partial: Operand,
  splits: number,
  size: number,
): Kernel {
  const width = vectorC ? 4 : 1;
  const value = vectorC ? 'vec4<f32>(sum(4u * i), sum(4u * i + 1u), sum(4u * i + 2u), sum(4u * i + 3u))' : 'sum(i)';
  return {
    name: `${name}: sum of splits`,
    operands: { partial, ...Object.fromEntries(Object.entries(operands).filter(([operand]) => results.includes(operand))) },
    integers: { ...integers, gm: shape.m, gn: shape.n, size, splits },
    code: `${finish}
fn sum(i: u32) -> f32 { var s = 0.0; for (var p = 0u; p < u.splits; p++) { s += partial(p * u.size + i); } return s; }
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = group(id) * 64u + t;
  if (i * ${width}u >= u.size) { return; }
  let e = i * ${width}u;
  finish(e / (u.gm * u.gn), (e / u.gn) % u.gm, e % u.gn, ${value});
}`,
    workgroups: flatGrid(ceilDivide(size / width, 64)),
    work: { operations: size * splits, bytes: size * (splits + 1) * 4 },
  };
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_unused, index) => index);
}

/** Rounds of loads that are written out, so that they are under way together. Many more make drivers take minutes to compile. */
const WRITTEN_OUT = 4;

/** WGSL that runs `code` for every one of `units`, whose number it is given, shared among `threads`. */
export function shareUnits(units: number, threads: number, code: (unit: string) => string): string {
  const rounds = ceilDivide(units, threads);
  if (rounds > WRITTEN_OUT) return `for (var unit = t; unit < ${units}u; unit += ${threads}u) { ${code('unit')} }`;
  return range(rounds)
    .map((round) => {
      const guard = units - round * threads >= threads ? '' : `if (t + ${round * threads}u < ${units}u) `;
      return `${guard}{ ${code(`(t + ${round * threads}u)`)} }`;
    })
    .join('\n    ');
}
