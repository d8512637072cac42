import { ceilDivide, type Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { productKernels, range, shareUnits, type Partition, type ProductShape, type ProductStorage, type Store } from './product.ts';

/** Workgroup tile m×n×k; every thread holds tm×tn sums in registers. All multiples of 4; threads = m/tm · n/tn, a multiple of k and of n/4. */
export interface GemmTile {
  readonly kind: 'gemm';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly tm: number;
  readonly tn: number;
}

/**
 * A product with A and B described rather than stored (implicit GEMM). The hooks are WGSL:
 * - `struct Column`, `struct Row`; `fn columnOf(z: u32, n: u32) -> Column` (n may be past the end), `fn rowOf(z: u32, k: u32) -> Row`;
 * - `fn elementB(column: Column, row: Row) -> f32` (vec4<f32> of columns n…n+3 when `vectorB`), zero outside;
 * - `fn elementA(z: u32, m: u32, k: u32) -> f32` (called inside bounds only).
 */
export interface Gemm extends ProductStorage {
  readonly hooks: string;
  /** Whether neighbouring threads load neighbouring k (else n). */
  readonly loadAlongK: boolean;
  readonly vectorB: boolean;
}

export function gemmThreads({ m, n, tm, tn }: GemmTile): number {
  return (m / tm) * (n / tn);
}

/** Bytes of workgroup memory. */
export function gemmWorkgroupBytes({ m, n, k }: GemmTile): number {
  return 4 * k * (m + n);
}

export function gemmPartition({ z, m, n, k }: ProductShape, tile: GemmTile): Partition {
  const [blocksM, blocksN] = [ceilDivide(m, tile.m), ceilDivide(n, tile.n)];
  const groups = z * blocksM * blocksN;
  return {
    groups,
    steps: ceilDivide(k, tile.k),
    perStep: tile.k,
    length: k,
    integers: { blocksM, blocksN },
    loaded: 4 * groups * k * (tile.m + tile.n),
  };
}

export function gemmKernels(gemm: Gemm, tile: GemmTile, context: LoweringContext): Kernel[] {
  return productKernels(gemm, gemmPartition(gemm.shape, tile), context, (store) => gemm.hooks + body(gemm, tile, store), {
    column: 'n + c',
    inside: 'n + c < u.gn',
  });
}

function body({ loadAlongK, vectorB }: Gemm, tile: GemmTile, store: Store): string {
  const threadsN = tile.n / tile.tn;
  const threadsM = tile.m / tile.tm;
  const threads = threadsM * threadsN;
  const rowsM = range(tile.tm / 4);
  const rowsN = range(tile.tn / 4);
  const columns = vectorB ? 'column0' : 'column0, column1, column2, column3';
  const declareColumns = (from: string): string =>
    columns
      .split(', ')
      .map((name, c) => `let ${name} = columnOf(z, ${from} + ${c}u);`)
      .join(' ');
  const element = vectorB
    ? 'elementB(column0, row)'
    : 'vec4<f32>(elementB(column0, row), elementB(column1, row), elementB(column2, row), elementB(column3, row))';
  const unitsB = (tile.k * tile.n) / 4;
  const unitsA = (tile.k * tile.m) / 4;
  const loadB = shareUnits(unitsB, threads, (q) =>
    loadAlongK
      ? `let kk = ${q} % ${tile.k}u; let nn = ${q} / ${tile.k}u; ${declareColumns('n0 + 4u * nn')} tileB[kk * ${tile.n / 4}u + nn] = ${element};`
      : `let kk = ${q} / ${tile.n / 4}u; let row = rowOf(z, limit(k0 + kk, end)); tileB[kk * ${tile.n / 4}u + t % ${tile.n / 4}u] = ${element};`,
  );
  const loadA = shareUnits(
    unitsA,
    threads,
    (q) => `let kk = ${q} % ${tile.k}u; let mm = ${q} / ${tile.k}u; let k = k0 + kk; let m = m0 + 4u * mm;
      let valid = vec4<bool>(k < end) & (vec4<u32>(m, m + 1u, m + 2u, m + 3u) < vec4<u32>(u.gm)); let inside = select(0u, k, k < end); let top = u.gm - 1u;
      tileA[kk * ${tile.m / 4}u + mm] = select(vec4<f32>(), vec4<f32>(${range(4)
        .map((c) => `elementA(z, min(m + ${c}u, top), inside)`)
        .join(', ')}), valid);`,
  );
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
  let end = min(u.length, (split + 1u) * u.perSplit);
  let threadN = t % ${threadsN}u;
  let threadM = t / ${threadsN}u;
  ${loadAlongK ? '' : declareColumns(`n0 + 4u * (t % ${tile.n / 4}u)`)}
  ${range(tile.tm)
    .flatMap((m) => rowsN.map((j) => `var s${m}_${j} = vec4<f32>();`))
    .join(' ')}
  for (var k0 = split * u.perSplit; k0 < end; k0 += ${tile.k}u) {
    ${loadAlongK ? `let row = rowOf(z, limit(k0 + t % ${tile.k}u, end));` : ''}
    ${loadB}
    ${loadA}
    workgroupBarrier();
    for (var kk = 0u; kk < ${tile.k}u; kk++) {
      ${rowsM.map((j) => `let a${j} = tileA[kk * ${tile.m / 4}u + threadM + ${j * threadsM}u];`).join(' ')}
      ${rowsN.map((j) => `let b${j} = tileB[kk * ${tile.n / 4}u + threadN + ${j * threadsN}u];`).join(' ')}
      ${range(tile.tm)
        .flatMap((m) => rowsN.map((j) => `s${m}_${j} = fma(vec4<f32>(a${m >> 2}[${m % 4}]), b${j}, s${m}_${j});`))
        .join(' ')}
    }
    workgroupBarrier();
  }
  ${range(tile.tm)
    .flatMap((m) =>
      rowsN.map(
        (j) =>
          `{ let m = m0 + 4u * (threadM + ${(m >> 2) * threadsM}u) + ${m % 4}u; let n = n0 + 4u * (threadN + ${j * threadsN}u); if (m < u.gm) { ${store(`s${m}_${j}`)} } }`,
      ),
    )
    .join('\n  ')}
}`;
}
