import type { Node, Value } from '../../../graph/graph.ts';
import { elementCount } from '../../../tensor/tensorType.ts';
import { bytesOf, ceilDivide, flatGrid, table, type Kernel, type Operand } from '../kernel.ts';
import type { LoweringContext } from '../lowering.ts';
import { overGroup } from '../overGroup.ts';

/**
 * Kernels over many tensors bind whole pages of the arena and take each tensor's place from a table: hundreds of small parameters
 * in a few dispatches. Every tensor starts at a multiple of 256 bytes, so they work in vec4; the padding behind a tensor is its own.
 */
const THREADS = 128;
/** Vectors per workgroup. */
const CHUNK = 2048;

function pageOperand(page: number): Operand {
  return { storage: { kind: 'page', page }, element: 'f32', width: 4 };
}

function chunksOf(value: Value): { readonly first: number; readonly count: number }[] {
  const vectors = ceilDivide(elementCount(value.type.shape), 4);
  return Array.from({ length: ceilDivide(vectors, CHUNK) }, (_unused, chunk) => ({
    first: chunk * CHUNK,
    count: Math.min(CHUNK, vectors - chunk * CHUNK),
  }));
}

/** √Σ of squares over all inputs. */
export function gradientNorm(node: Node<'gradientNorm'>, context: LoweringContext): Kernel[] {
  const [norm] = node.outputs;
  if (norm === undefined) return [];
  const byPage = new Map<number, number[]>();
  for (const value of node.inputs) {
    const { page, start } = context.pageOf(value);
    const rows = byPage.get(page) ?? [];
    const size = elementCount(value.type.shape);
    for (const { first, count } of chunksOf(value)) rows.push(start / 4 + first, count, size - 4 * first);
    byPage.set(page, rows);
  }
  const total = [...byPage.values()].reduce((chunks, rows) => chunks + rows.length / 3, 0);
  const sum = overGroup('sum', THREADS, 'f32', context);
  const partial = context.scratch.take(total);
  let base = 0;
  const sums = [...byPage].map(([page, rows]): Kernel => {
    const groups = rows.length / 3;
    const kernel: Kernel = {
      name: 'gradient norm: squares',
      operands: { gradients: pageOperand(page), places: table(Uint32Array.from(rows)), partial },
      integers: { groups, base },
      code: `${sum.functions}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32${sum.parameters}) {
  let block = group(id);
  if (block >= u.groups) { return; }
  let first = places(3u * block); let count = places(3u * block + 1u); let size = places(3u * block + 2u);
  var s = 0.0;
  for (var i = t; i < count; i += ${THREADS}u) {
    let g = select(vec4<f32>(), gradients(first + i), vec4<u32>(0u, 1u, 2u, 3u) + 4u * i < vec4<u32>(size));
    s += dot(g, g);
  }
  s = ${sum.of('s')};
  if (t == 0u) { set_partial(u.base + block, s); }
}`,
      workgroups: flatGrid(groups),
      work: { operations: 0, bytes: 0 },
    };
    base += groups;
    return kernel;
  });
  const last: Kernel = {
    name: 'gradient norm: root',
    operands: { partial, norm: { storage: { kind: 'value', value: norm }, element: 'f32', width: 1 } },
    integers: { total },
    code: `${sum.functions}
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) t: u32${sum.parameters}) {
  var s = 0.0;
  for (var i = t; i < u.total; i += ${THREADS}u) { s += partial(i); }
  s = ${sum.of('s')};
  if (t == 0u) { set_norm(0u, sqrt(s)); }
}`,
    workgroups: [1, 1, 1],
    work: { operations: 2 * elements(node.inputs), bytes: bytesOf(...node.inputs) },
  };
  return [...sums, last];
}

function elements(values: readonly Value[]): number {
  return values.reduce((total, { type }) => total + elementCount(type.shape), 0);
}

/** One kernel for all given AdamW nodes whose tensors lie in the same pages; in place on parameter, m and v. */
export function adamW(nodes: readonly Node<'adamW'>[], context: LoweringContext): Kernel[] {
  const groups = new Map<
    string,
    { readonly nodes: Node<'adamW'>[]; readonly pages: readonly number[]; readonly rows: number[]; readonly shared: readonly number[] }
  >();
  for (const node of nodes) {
    const places = node.inputs.map((value) => context.pageOf(value));
    const pages = places.map(({ page }) => page);
    const shared = places.slice(4).map(({ start }) => start / 4);
    const key = JSON.stringify([pages, shared, node.attributes]);
    const entry = groups.get(key) ?? { nodes: [], pages, rows: [], shared };
    groups.set(key, entry);
    const [parameter] = node.inputs;
    entry.nodes.push(node);
    if (parameter !== undefined) {
      for (const { first, count } of chunksOf(parameter))
        entry.rows.push(...places.slice(0, 4).map(({ start }) => start / 4 + first), count);
    }
  }
  return [...groups.values()].map(({ nodes: members, pages, rows, shared }) => adamWKernel(members, pages, rows, shared));
}

function adamWKernel(
  nodes: readonly Node<'adamW'>[],
  pages: readonly number[],
  rows: readonly number[],
  [normAt = 0, hyperAt = 0, lossScaleAt]: readonly number[],
): Kernel {
  const { beta1, beta2, epsilon, weightDecay } = nodes[0]?.attributes ?? { beta1: 0, beta2: 0, epsilon: 0, weightDecay: 0 };
  const names = ['parameter', 'gradient', 'moment1', 'moment2', 'norm', 'hyper', ...(lossScaleAt === undefined ? [] : ['lossScale'])];
  const touched = nodes.flatMap((node) => node.inputs.slice(0, 4));
  return {
    name: 'AdamW',
    operands: {
      ...Object.fromEntries(names.map((name, index) => [name, pageOperand(pages[index] ?? 0)])),
      places: table(Uint32Array.from(rows)),
    },
    integers: { groups: rows.length / 5, normAt, hyperAt, lossScaleAt: lossScaleAt ?? 0 },
    floats: { beta1, beta2, epsilon, weightDecay },
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let block = group(id);
  if (block >= u.groups) { return; }
  let factor = ${lossScaleAt === undefined ? '1.0' : '1.0 / lossScale(u.lossScaleAt).x'};
  let total = norm(u.normAt).x * factor;
  if ((bitcast<u32>(total) & 0x7f800000u) == 0x7f800000u) { return; }
  let h = hyper(u.hyperAt);
  let scale = factor * select(1.0, min(1.0, h.w / (total + 1e-6)), h.w > 0.0);
  let p0 = places(5u * block); let g0 = places(5u * block + 1u); let m0 = places(5u * block + 2u); let v0 = places(5u * block + 3u);
  for (var i = t; i < places(5u * block + 4u); i += ${THREADS}u) {
    let g = gradient(g0 + i) * scale;
    let m = u.beta1 * moment1(m0 + i) + (1.0 - u.beta1) * g;
    let v = u.beta2 * moment2(v0 + i) + (1.0 - u.beta2) * g * g;
    set_moment1(m0 + i, m);
    set_moment2(v0 + i, v);
    set_parameter(p0 + i, parameter(p0 + i) * (1.0 - h.x * u.weightDecay) - h.x * (m / h.y) / (sqrt(v / h.z) + u.epsilon));
  }
}`,
    workgroups: flatGrid(rows.length / 5),
    work: { operations: 4 * elements(touched), bytes: bytesOf(...touched) + bytesOf(...nodes.flatMap((node) => node.outputs)) },
  };
}
