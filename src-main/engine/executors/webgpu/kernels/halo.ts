import { ceilDivide, type Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { productKernels, range, shareUnits, type Partition, type ProductShape, type ProductStorage, type Store } from './product.ts';

/**
 * A workgroup computes `channels` results of depth×height×width voxels; every thread `perChannels` of them at `perVoxels` neighbours
 * along W. It loads the box and its halo of one voxel once for all 27 taps, `stage` channels at a time. `width` is a multiple of `perVoxels`.
 */
export interface HaloTile {
  readonly kind: 'halo';
  readonly channels: number;
  readonly depth: number;
  readonly height: number;
  readonly width: number;
  readonly perChannels: 4 | 8;
  readonly perVoxels: 4 | 8;
  readonly stage: number;
}

/** A 3³ convolution of stride 1 and padding 1, or the gradient with respect to its input: operands `x` and `weight`. */
export interface Stencil extends ProductStorage {
  /** WGSL for a weight's place; sees z, m (result channel), k (channel of x) and tap. */
  readonly weightAt: string;
}

export function haloThreads({ channels, depth, height, width, perChannels, perVoxels }: HaloTile): number {
  return (channels / perChannels) * ((depth * height * width) / perVoxels);
}

/** vec4s of a row of the box with its halo. */
function pitchOf({ width }: HaloTile): number {
  return ceilDivide(width + 2, 4);
}

function boxUnits(tile: HaloTile): number {
  return tile.stage * (tile.depth + 2) * (tile.height + 2) * pitchOf(tile);
}

/** Bytes of workgroup memory. */
export function haloWorkgroupBytes(tile: HaloTile): number {
  return 16 * boxUnits(tile) + 4 * tile.stage * 27 * tile.channels;
}

/** Undefined where the product has no volume of its own. */
export function haloPartition({ z, m, k, volume }: ProductShape, tile: HaloTile): Partition | undefined {
  if (volume === undefined) return undefined;
  const [tilesD, tilesH, tilesW] = [ceilDivide(volume.d, tile.depth), ceilDivide(volume.h, tile.height), ceilDivide(volume.w, tile.width)];
  const blocksM = ceilDivide(m, tile.channels);
  const groups = z * blocksM * volume.batch * tilesD * tilesH * tilesW;
  const length = k / 27;
  const perChannel = (tile.depth + 2) * (tile.height + 2) * (tile.width + 2) + 27 * tile.channels;
  return {
    groups,
    steps: ceilDivide(length, tile.stage),
    perStep: tile.stage,
    length,
    integers: { blocksM, tilesD, tilesH, tilesW },
    loaded: 4 * groups * length * perChannel,
  };
}

export function haloKernels(stencil: Stencil, tile: HaloTile, context: LoweringContext): Kernel[] {
  const partition = haloPartition(stencil.shape, tile);
  if (partition === undefined) return [];
  return productKernels(stencil, partition, context, (store) => body(stencil, tile, store), {
    column: 'row + w + c',
    inside: 'w + c < u.W',
  });
}

function body({ weightAt }: Stencil, tile: HaloTile, store: Store): string {
  const { depth, height, width, stage, perChannels, perVoxels } = tile;
  const segments = width / perVoxels;
  const threadsN = (depth * height * width) / perVoxels;
  const threadsM = tile.channels / perChannels;
  const threads = threadsM * threadsN;
  const pitch = pitchOf(tile);
  const quads = tile.channels / 4;
  const rowsM = range(perChannels / 4);
  const rowsN = range(perVoxels / 4);
  const loadBox = shareUnits(
    boxUnits(tile),
    threads,
    (q) => `let p = ${q} % ${pitch}u; var r = ${q} / ${pitch}u;
      let y = h0 + r % ${height + 2}u - 1u; r /= ${height + 2}u; let v = d0 + r % ${depth + 2}u - 1u; let k = k0 + r / ${depth + 2}u; let at = w0 + 4u * p - 1u;
      let valid = vec4<bool>(k < end && v < u.D && y < u.H) & (vec4<u32>(at, at + 1u, at + 2u, at + 3u) < vec4<u32>(u.W));
      let first = (((z * u.B + sample) * u.length + k) * u.D + v) * u.H * u.W + y * u.W + at;
      box[${q}] = vec4<f32>(${range(4)
        .map((c) => `select(0.0, x(select(0u, first + ${c}u, valid[${c}])), valid[${c}])`)
        .join(', ')});`,
  );
  const loadWeights = shareUnits(
    stage * 27 * quads,
    threads,
    (
      q,
    ) => `let kk = ${q} % ${stage * 27}u; let mm = ${q} / ${stage * 27}u; let k = k0 + kk / 27u; let tap = kk % 27u; let m4 = m0 + 4u * mm;
      weights[kk * ${quads}u + mm] = vec4<f32>(${range(4)
        .map((c) => `weightOf(z, m4 + ${c}u, k, tap, end)`)
        .join(', ')});`,
  );
  const shifted = (kw: number, j: number): string => {
    const lanes = range(4).map((c) => kw + c);
    return kw === 0 ? `r${j}` : `vec4<f32>(${lanes.map((lane) => `r${j + (lane >> 2)}[${lane % 4}]`).join(', ')})`;
  };
  return `
var<workgroup> box: array<vec4<f32>, ${boxUnits(tile)}>;
var<workgroup> weights: array<vec4<f32>, ${stage * 27 * quads}>;
fn weightOf(z: u32, m: u32, k: u32, tap: u32, end: u32) -> f32 {
  let valid = m < u.gm && k < end;
  return select(0.0, weight(select(0u, ${weightAt}, valid)), valid);
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  var block = group(id);
  let m0 = (block % u.blocksM) * ${tile.channels}u; block /= u.blocksM;
  let w0 = (block % u.tilesW) * ${width}u; block /= u.tilesW;
  let h0 = (block % u.tilesH) * ${height}u; block /= u.tilesH;
  let d0 = (block % u.tilesD) * ${depth}u; block /= u.tilesD;
  let sample = block % u.B; block /= u.B;
  let z = block % u.instancesZ;
  let split = block / u.instancesZ;
  let end = min(u.length, (split + 1u) * u.perSplit);
  let threadN = t % ${threadsN}u;
  let threadM = t / ${threadsN}u;
  let segment = threadN % ${segments}u;
  let boxH = (threadN / ${segments}u) % ${height}u;
  let boxD = threadN / ${segments * height}u;
  ${range(perChannels)
    .flatMap((m) => rowsN.map((j) => `var s${m}_${j} = vec4<f32>();`))
    .join(' ')}
  for (var k0 = split * u.perSplit; k0 < end; k0 += ${stage}u) {
    ${loadBox}
    ${loadWeights}
    workgroupBarrier();
    for (var line = 0u; line < ${stage * 9}u; line++) {
      let first = ((line / 9u * ${depth + 2}u + boxD + (line / 3u) % 3u) * ${height + 2}u + boxH + line % 3u) * ${pitch}u + segment * ${perVoxels / 4}u;
      ${range(perVoxels / 4 + 1)
        .map((j) => `let r${j} = box[first + ${j}u];`)
        .join(' ')}
      ${range(3)
        .map(
          (kw) => `{
        ${rowsM.map((j) => `let a${j} = weights[(line * 3u + ${kw}u) * ${quads}u + threadM + ${j * threadsM}u];`).join(' ')}
        ${rowsN.map((j) => `let b${j} = ${shifted(kw, j)};`).join(' ')}
        ${range(perChannels)
          .flatMap((m) => rowsN.map((j) => `s${m}_${j} = fma(vec4<f32>(a${m >> 2}[${m % 4}]), b${j}, s${m}_${j});`))
          .join(' ')}
      }`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  let d = d0 + boxD; let h = h0 + boxH;
  if (d >= u.D || h >= u.H) { return; }
  let row = ((sample * u.D + d) * u.H + h) * u.W;
  ${range(perChannels)
    .flatMap((m) =>
      rowsN.map(
        (j) =>
          `{ let m = m0 + 4u * (threadM + ${(m >> 2) * threadsM}u) + ${m % 4}u; let w = w0 + segment * ${perVoxels}u + ${4 * j}u; if (m < u.gm) { ${store(`s${m}_${j}`)} } }`,
      ),
    )
    .join('\n  ')}
}`;
}
