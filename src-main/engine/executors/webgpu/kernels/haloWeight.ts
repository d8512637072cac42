import { ceilDivide, type Kernel } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { productKernels, range, shareUnits, type Partition, type ProductShape, type ProductStorage, type Store } from './product.ts';

/**
 * A workgroup computes the gradient of outputs×inputs×27 weights of a 3³ convolution. It walks boxes of depth×height×width voxels, loads
 * the input's box with its halo and the gradient's once for all 27 taps; a thread owns the three taps of a row for four input and
 * `perOutputs` output channels. `inputs` is a multiple of 4, `outputs` of `perOutputs`.
 */
export interface HaloWeightTile {
  readonly kind: 'halo weight';
  readonly outputs: number;
  readonly inputs: number;
  readonly depth: number;
  readonly height: number;
  readonly width: number;
  readonly perOutputs: 4 | 8;
}

export function haloWeightThreads({ outputs, inputs, perOutputs }: HaloWeightTile): number {
  return 9 * (inputs / 4) * (outputs / perOutputs);
}

function places({ depth, height, width }: HaloWeightTile): { readonly box: number; readonly voxels: number } {
  return { box: (depth + 2) * (height + 2) * (width + 2), voxels: depth * height * width };
}

/** Bytes of workgroup memory. */
export function haloWeightWorkgroupBytes(tile: HaloWeightTile): number {
  const { box, voxels } = places(tile);
  return 4 * (tile.inputs * box + tile.outputs * voxels);
}

/** Undefined where the product has no volume of its own. */
export function haloWeightPartition({ z, m, n, volume }: ProductShape, tile: HaloWeightTile): Partition | undefined {
  if (volume === undefined) return undefined;
  const [tilesD, tilesH, tilesW] = [ceilDivide(volume.d, tile.depth), ceilDivide(volume.h, tile.height), ceilDivide(volume.w, tile.width)];
  const [blocksM, blocksN] = [ceilDivide(m, tile.outputs), ceilDivide(n / 27, tile.inputs)];
  const groups = z * blocksM * blocksN;
  const length = volume.batch * tilesD * tilesH * tilesW;
  const { box, voxels } = places(tile);
  return {
    groups,
    steps: length,
    perStep: 1,
    length,
    integers: { blocksM, blocksN, tilesD, tilesH, tilesW },
    loaded: 4 * groups * length * (tile.inputs * box + tile.outputs * voxels),
  };
}

/** Operands `x` (the convolution's input) and `dy`. Results go to `finish` one by one: `storage.vectorC` is false. */
export function haloWeightKernels(storage: ProductStorage, tile: HaloWeightTile, context: LoweringContext): Kernel[] {
  const partition = haloWeightPartition(storage.shape, tile);
  if (partition === undefined) return [];
  return productKernels(storage, partition, context, (store) => body(tile, store), {
    column: 'base + 27u * c',
    inside: 'i + c < inputsAll',
  });
}

function body(tile: HaloWeightTile, store: Store): string {
  const { depth, height, width, inputs, outputs, perOutputs } = tile;
  const threads = haloWeightThreads(tile);
  const { box, voxels } = places(tile);
  const groupsO = outputs / perOutputs;
  const rowsM = range(perOutputs / 4);
  const sums = range(3).flatMap((kw) => range(perOutputs).map((o) => `s${kw}_${o}`));
  const loadInput = shareUnits(
    (inputs / 4) * box,
    threads,
    (q) => `let p = ${q} % ${box}u; let i = i0 + 4u * (${q} / ${box}u);
      let at = w0 + p % ${width + 2}u - 1u; let y = h0 + (p / ${width + 2}u) % ${height + 2}u - 1u; let v = d0 + p / ${(width + 2) * (height + 2)}u - 1u;
      let valid = vec4<bool>(v < u.D && y < u.H && at < u.W) & (vec4<u32>(i, i + 1u, i + 2u, i + 3u) < vec4<u32>(inputsAll));
      let first = ((z * u.B + sample) * inputsAll + i) * volume + (v * u.H + y) * u.W + at;
      boxX[${q}] = vec4<f32>(${range(4)
        .map((c) => `select(0.0, x(select(0u, first + ${c}u * volume, valid[${c}])), valid[${c}])`)
        .join(', ')});`,
  );
  const loadGradient = shareUnits(
    (outputs / 4) * voxels,
    threads,
    (q) => `let p = ${q} % ${voxels}u; let o = m0 + 4u * (${q} / ${voxels}u);
      let at = w0 + p % ${width}u; let y = h0 + (p / ${width}u) % ${height}u; let v = d0 + p / ${width * height}u;
      let valid = vec4<bool>(v < u.D && y < u.H && at < u.W) & (vec4<u32>(o, o + 1u, o + 2u, o + 3u) < vec4<u32>(u.gm));
      let first = ((z * u.B + sample) * u.gm + o) * volume + (v * u.H + y) * u.W + at;
      boxDy[${q}] = vec4<f32>(${range(4)
        .map((c) => `select(0.0, dy(select(0u, first + ${c}u * volume, valid[${c}])), valid[${c}])`)
        .join(', ')});`,
  );
  return `
var<workgroup> boxX: array<vec4<f32>, ${(inputs / 4) * box}>;
var<workgroup> boxDy: array<vec4<f32>, ${(outputs / 4) * voxels}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  var block = group(id);
  let i0 = (block % u.blocksN) * ${inputs}u; block /= u.blocksN;
  let m0 = (block % u.blocksM) * ${outputs}u; block /= u.blocksM;
  let z = block % u.instancesZ;
  let split = block / u.instancesZ;
  let end = min(u.length, (split + 1u) * u.perSplit);
  let inputsAll = u.gn / 27u;
  let volume = u.D * u.H * u.W;
  let kdh = t % 9u;
  let inputQuad = (t / 9u) % ${inputs / 4}u;
  let outputGroup = t / ${9 * (inputs / 4)}u;
  ${sums.map((sum) => `var ${sum} = vec4<f32>();`).join(' ')}
  for (var tile = split * u.perSplit; tile < end; tile++) {
    var q0 = tile;
    let w0 = (q0 % u.tilesW) * ${width}u; q0 /= u.tilesW;
    let h0 = (q0 % u.tilesH) * ${height}u; q0 /= u.tilesH;
    let d0 = (q0 % u.tilesD) * ${depth}u;
    let sample = q0 / u.tilesD;
    ${loadInput}
    ${loadGradient}
    workgroupBarrier();
    for (var line = 0u; line < ${depth * height}u; line++) {
      let start = inputQuad * ${box}u + ((line / ${height}u + kdh / 3u) * ${height + 2}u + line % ${height}u + kdh % 3u) * ${width + 2}u;
      var x0 = boxX[start]; var x1 = boxX[start + 1u];
      for (var w = 0u; w < ${width}u; w++) {
        let x2 = boxX[start + w + 2u];
        ${rowsM.map((j) => `let g${j} = boxDy[(outputGroup + ${j * groupsO}u) * ${voxels}u + line * ${width}u + w];`).join(' ')}
        ${range(3)
          .flatMap((kw) => range(perOutputs).map((o) => `s${kw}_${o} = fma(vec4<f32>(g${o >> 2}[${o % 4}]), x${kw}, s${kw}_${o});`))
          .join(' ')}
        x0 = x1; x1 = x2;
      }
    }
    workgroupBarrier();
  }
  let i = i0 + 4u * inputQuad;
  ${range(perOutputs)
    .map(
      (o) =>
        `{ let m = m0 + 4u * (outputGroup + ${(o >> 2) * groupsO}u) + ${o % 4}u; if (m < u.gm) { ${range(3)
          .map((kw) => `{ let base = i * 27u + kdh * 3u + ${kw}u; ${store(`s${kw}_${o}`)} }`)
          .join(' ')} } }`,
    )
    .join('\n  ')}
}`;
}
