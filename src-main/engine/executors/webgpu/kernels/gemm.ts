import { ceilDivide, flatGrid, type Kernel, type Operand, type Work } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';

/** Workgroup tile m×n×k; every thread holds tm×tn sums in registers. All multiples of 4; threads = m/tm · n/tn, a multiple of k and of n/4. */
export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly tm: number;
  readonly tn: number;
}

export interface RatedTile extends Tile {
  /** Share of the best tile's rate that is expected of a large product, until the device is tuned. */
  readonly expected: number;
}

export const gemmTiles: readonly RatedTile[] = [
  { m: 64, n: 128, k: 8, tm: 8, tn: 8, expected: 1 },
  { m: 128, n: 64, k: 8, tm: 8, tn: 8, expected: 1 },
  { m: 64, n: 64, k: 16, tm: 4, tn: 4, expected: 0.75 },
  { m: 32, n: 128, k: 8, tm: 4, tn: 8, expected: 0.85 },
  { m: 16, n: 256, k: 8, tm: 4, tn: 8, expected: 0.7 },
  { m: 32, n: 32, k: 16, tm: 4, tn: 4, expected: 0.5 },
  { m: 16, n: 64, k: 16, tm: 4, tn: 4, expected: 0.45 },
];

/** Rates before any tuning. Drivers that compute on the processor compile large register tiles for minutes. */
export function expectedSpeed(software: boolean): (tile: Tile) => number {
  return (tile) => {
    const known = gemmTiles.find(({ m, n, k }) => m === tile.m && n === tile.n && k === tile.k);
    return software && tile.m * tile.n > 1024 ? 1e-6 : known?.expected ?? 0;
  };
}

/**
 * C[z] (m×n) = A[z] (m×k) · B[z] (k×n), with A and B described rather than stored (implicit GEMM). The hooks are WGSL:
 * - `struct Column`, `struct Row`; `fn columnOf(z: u32, n: u32) -> Column` (n may be past the end), `fn rowOf(z: u32, k: u32) -> Row`;
 * - `fn elementB(column: Column, row: Row) -> f32` (vec4<f32> of columns n…n+3 when `vectorB`), zero outside;
 * - `fn elementA(z: u32, m: u32, k: u32) -> f32` (called inside bounds only);
 * - `fn finish(z: u32, m: u32, n: u32, value: f32)` for one element, or with a vec4 value for n…n+3 when `vectorC`.
 */
export interface Gemm {
  readonly name: string;
  readonly z: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly hooks: string;
  /** Whether neighbouring threads load neighbouring k (else n). */
  readonly loadAlongK: boolean;
  readonly vectorB: boolean;
  readonly vectorC: boolean;
  readonly operands: Readonly<Record<string, Operand>>;
  /** Names of the operands that only `finish` touches. */
  readonly results: readonly string[];
  readonly integers: Readonly<Record<string, number>>;
  readonly work: Work;
}

/** Workgroups below which the k axis is split so that a large device stays busy. */
const ENOUGH_GROUPS = 256;

function groupsOf({ m, n, z }: Gemm, tile: Tile): number {
  return ceilDivide(m, tile.m) * ceilDivide(n, tile.n) * z;
}

/** The tile with the least padded work, counting loads that a narrow tile repeats; `speed` is the device's measured rate per tile. */
export function chooseTile(gemm: Gemm, speed: (tile: Tile) => number): Tile {
  const cost = (tile: Tile): number => {
    const padded = ceilDivide(gemm.m, tile.m) * tile.m * ceilDivide(gemm.n, tile.n) * tile.n;
    return padded / speed(tile);
  };
  return gemmTiles.reduce((best, tile) => (cost(tile) < cost(best) ? tile : best));
}

/** One kernel, or two where the k axis is split: partial products into scratch, then their sum. */
export function gemmKernels(gemm: Gemm, tile: Tile, { scratch, maxScratch }: LoweringContext): Kernel[] {
  const steps = ceilDivide(gemm.k, tile.k);
  const size = gemm.z * gemm.m * gemm.n;
  const wanted = Math.min(steps, ceilDivide(ENOUGH_GROUPS, groupsOf(gemm, tile)), Math.max(1, Math.floor(maxScratch / 2 / size)));
  const perSplit = ceilDivide(steps, wanted) * tile.k;
  const splits = ceilDivide(gemm.k, perSplit);
  const integers = { ...gemm.integers, gm: gemm.m, gn: gemm.n, gk: gemm.k, blocksM: ceilDivide(gemm.m, tile.m), blocksN: ceilDivide(gemm.n, tile.n), instancesZ: gemm.z, perSplit };
  const workgroups = flatGrid(groupsOf(gemm, tile) * splits);
  if (splits === 1) {
    return [{ name: gemm.name, operands: gemm.operands, integers, code: gemm.hooks + body(gemm, tile, gemm.vectorC ? storeVector : storeScalar), workgroups, work: gemm.work }];
  }
  const partial = scratch.take(size * splits);
  const inputs = Object.fromEntries(Object.entries(gemm.operands).filter(([name]) => !gemm.results.includes(name)));
  const hooks = gemm.hooks.replace(/\/\/ finish[\s\S]*$/, '');
  return [
    { name: gemm.name, operands: { ...inputs, partial }, integers, code: hooks + body(gemm, tile, storePartial), workgroups, work: gemm.work },
    sumPartials(gemm, partial, splits, size),
  ];
}

const storeScalar = (value: string): string => `for (var c = 0u; c < 4u; c++) { if (n + c < u.gn) { finish(z, m, n + c, ${value}[c]); } }`;
const storeVector = (value: string): string => `if (n < u.gn) { finish(z, m, n, ${value}); }`;
const storePartial = (value: string): string => `for (var c = 0u; c < 4u; c++) { if (n + c < u.gn) { set_partial(((split * u.instancesZ + z) * u.gm + m) * u.gn + n + c, ${value}[c]); } }`;

function sumPartials(gemm: Gemm, partial: Operand, splits: number, size: number): Kernel {
  const width = gemm.vectorC ? 4 : 1;
  const value = gemm.vectorC ? 'vec4<f32>(sum(4u * i), sum(4u * i + 1u), sum(4u * i + 2u), sum(4u * i + 3u))' : 'sum(i)';
  const finish = /\/\/ finish[\s\S]*$/.exec(gemm.hooks)?.[0] ?? '';
  return {
    name: `${gemm.name}: sum of splits`,
    operands: { partial, ...Object.fromEntries(gemm.results.map((name) => [name, gemm.operands[name] as Operand])) },
    integers: { ...gemm.integers, gm: gemm.m, gn: gemm.n, size, splits },
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

function range(count: number): number[] {
  return Array.from({ length: count }, (_unused, index) => index);
}

function body(gemm: Gemm, tile: Tile, store: (value: string) => string): string {
  const threadsN = tile.n / tile.tn;
  const threadsM = tile.m / tile.tm;
  const threads = threadsM * threadsN;
  const rowsM = range(tile.tm / 4);
  const rowsN = range(tile.tn / 4);
  const { loadAlongK, vectorB } = gemm;
  const columns = vectorB ? 'column0' : 'column0, column1, column2, column3';
  const declareColumns = (from: string): string => columns.split(', ').map((name, c) => `let ${name} = columnOf(z, ${from} + ${c}u);`).join(' ');
  const element = vectorB ? 'elementB(column0, row)' : 'vec4<f32>(elementB(column0, row), elementB(column1, row), elementB(column2, row), elementB(column3, row))';
  const unitsB = (tile.k * tile.n) / 4;
  const unitsA = (tile.k * tile.m) / 4;
  const each = (units: number, code: (q: string) => string): string => range(ceilDivide(units, threads)).map((r) => {
    const guard = units % threads === 0 ? '' : `if (t + ${r * threads}u < ${units}u) `;
    return `${guard}{ ${code(`(t + ${r * threads}u)`)} }`;
  }).join('\n    ');
  const loadB = each(unitsB, (q) => (loadAlongK
    ? `let kk = ${q} % ${tile.k}u; let nn = ${q} / ${tile.k}u; ${declareColumns('n0 + 4u * nn')} tileB[kk * ${tile.n / 4}u + nn] = ${element};`
    : `let kk = ${q} / ${tile.n / 4}u; let row = rowOf(z, limit(k0 + kk, end)); tileB[kk * ${tile.n / 4}u + t % ${tile.n / 4}u] = ${element};`));
  const loadA = each(unitsA, (q) => `let kk = ${q} % ${tile.k}u; let mm = ${q} / ${tile.k}u; let k = k0 + kk; let m = m0 + 4u * mm;
      let valid = vec4<bool>(k < end) & (vec4<u32>(m, m + 1u, m + 2u, m + 3u) < vec4<u32>(u.gm)); let inside = select(0u, k, k < end); let top = u.gm - 1u;
      tileA[kk * ${tile.m / 4}u + mm] = select(vec4<f32>(), vec4<f32>(${range(4).map((c) => `elementA(z, min(m + ${c}u, top), inside)`).join(', ')}), valid);`);
  return `
var<workgroup> tileA: array<vec4<f32>, ${unitsA}>;
var<workgroup> tileB: array<vec4<f32>, ${unitsB}>;
fn limit(k: u32, end: u32) -> u32 { return select(k, 0xffffffffu, k >= end); }
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  var block = group(id);
  let n0 = (block % u.blocksN) * ${tile.n}u; block /= u.blocksN;
  let m0 = (block % u.blocksM) * ${tile.m}u; block /= u.blocksM;
  let z = block % u.instancesZ;
  let split = block / u.instancesZ;
  let end = min(u.gk, (split + 1u) * u.perSplit);
  let threadN = t % ${threadsN}u;
  let threadM = t / ${threadsN}u;
  ${loadAlongK ? '' : declareColumns(`n0 + 4u * (t % ${tile.n / 4}u)`)}
  ${range(tile.tm).flatMap((m) => rowsN.map((j) => `var s${m}_${j} = vec4<f32>();`)).join(' ')}
  for (var k0 = split * u.perSplit; k0 < end; k0 += ${tile.k}u) {
    ${loadAlongK ? `let row = rowOf(z, limit(k0 + t % ${tile.k}u, end));` : ''}
    ${loadB}
    ${loadA}
    workgroupBarrier();
    for (var kk = 0u; kk < ${tile.k}u; kk++) {
      ${rowsM.map((j) => `let a${j} = tileA[kk * ${tile.m / 4}u + threadM + ${j * threadsM}u];`).join(' ')}
      ${rowsN.map((j) => `let b${j} = tileB[kk * ${tile.n / 4}u + threadN + ${j * threadsN}u];`).join(' ')}
      ${range(tile.tm).flatMap((m) => rowsN.map((j) => `s${m}_${j} = fma(vec4<f32>(a${m >> 2}[${m % 4}]), b${j}, s${m}_${j});`)).join(' ')}
    }
    workgroupBarrier();
  }
  ${range(tile.tm).flatMap((m) => rowsN.map((j) => `{ let m = m0 + 4u * (threadM + ${(m >> 2) * threadsM}u) + ${m % 4}u; let n = n0 + 4u * (threadN + ${j * threadsN}u); if (m < u.gm) { ${store(`s${m}_${j}`)} } }`)).join('\n  ')}
}`;
}
