import { MAX_GROUPS, type Kernel, type Operand } from './kernel.ts';

/** A piece of GPU memory, as bound: operands that are equal here share one binding. */
export interface Piece {
  /** Names the buffer and the range; equal keys are the same memory. */
  readonly key: string;
  readonly bytes: number;
}

export interface AssembledShader {
  readonly source: string;
  /** Keys of the pieces, in binding order from 1 (0 is the uniform block). */
  readonly bindings: readonly string[];
}

/**
 * WGSL of a kernel for given memory. Every storage binding is read_write: a buffer may not be bound as read-only and writable at
 * once, and all values live in a few buffers. A value in several pieces gets accessors that choose the piece.
 */
export function assemble(kernel: Kernel, piecesOf: (operand: Operand) => readonly Piece[]): AssembledShader {
  const bindings: string[] = [];
  const declarations: string[] = [];
  const accessors: string[] = [];
  for (const [name, operand] of Object.entries(kernel.operands)) {
    const half = operand.element === 'f16';
    const wide = (element: string): string => (operand.width === 4 ? `vec4<${element}>` : element);
    const elementBytes = (half ? 2 : 4) * operand.width;
    let start = 0;
    const parts = piecesOf(operand).map((piece) => {
      let index = bindings.indexOf(piece.key);
      if (index < 0) {
        index = bindings.push(piece.key) - 1;
        declarations.push(`@group(0) @binding(${index + 1}) var<storage, read_write> m${index}: array<${wide(operand.element)}>;`);
      }
      const part = { buffer: `m${index}`, start, end: start + piece.bytes / elementBytes };
      start = part.end;
      return part;
    });
    accessors.push(accessor(name, wide(half ? 'f32' : operand.element), half, parts));
  }
  const subgroups = kernel.code.includes('subgroupElect') ? 'enable subgroups;' : '';
  const half = Object.values(kernel.operands).some(({ element }) => element === 'f16') ? halfPrelude : ['', ''];
  return {
    source: [subgroups, half[0], uniformBlock(kernel), ...declarations, half[1], ...accessors, prelude, kernel.code].join('\n'),
    bindings,
  };
}

interface Part {
  readonly buffer: string;
  readonly start: number;
  readonly end: number;
}

/** WGSL that reads and writes an operand as `type`, which differs from what is stored where that is `half`. */
function accessor(name: string, type: string, half: boolean, parts: readonly Part[]): string {
  const choose = (statement: (part: Part, index: string) => string): string =>
    parts
      .map((part, position) => {
        const body = statement(part, part.start === 0 ? 'i' : `i - ${part.start}u`);
        return position === parts.length - 1 ? body : `if (i < ${part.end}u) { ${body} return; }`;
      })
      .join(' ');
  const read = parts
    .map((part, position) => {
      const element = `${part.buffer}[${part.start === 0 ? 'i' : `i - ${part.start}u`}]`;
      const body = `return ${half ? `${type}(${element})` : element};`;
      return position === parts.length - 1 ? body : `if (i < ${part.end}u) { ${body} }`;
    })
    .join(' ');
  return (
    `fn ${name}(i: u32) -> ${type} { ${read} }\n` +
    `fn set_${name}(i: u32, value: ${type}) { ${choose((part, index) => `${part.buffer}[${index}] = ${half ? `half${type === 'f32' ? 1 : 4}(value)` : 'value'};`)} }`
  );
}

function uniformBlock({ integers, floats = {} }: Kernel): string {
  const fields = [...Object.keys(integers).map((name) => `${name}: u32`), ...Object.keys(floats).map((name) => `${name}: f32`)];
  if (fields.length === 0) return '';
  return `struct Uniforms { ${fields.join(', ')} }\n@group(0) @binding(0) var<uniform> u: Uniforms;`;
}

/** The uniform block's bytes, padded to 16. */
export function uniformData({ integers, floats = {} }: Kernel): Uint8Array {
  const whole = Object.values(integers);
  const real = Object.values(floats);
  const words = Math.max(4, Math.ceil((whole.length + real.length) / 4) * 4);
  const data = new ArrayBuffer(words * 4);
  new Uint32Array(data).set(whole);
  new Float32Array(data).set(real, whole.length);
  return new Uint8Array(data);
}

/** Directive, and functions that store float32 as float16. What is too large becomes infinite whatever way the driver rounds, so that a loss scale can be mended. */
const halfPrelude = [
  'enable f16;',
  [1, 4]
    .map((width) => {
      const of = (element: string): string => (width === 4 ? `vec4<${element}>` : element);
      return `fn half${width}(v: ${of('f32')}) -> ${of('f16')} { return ${of('f16')}(select(v, v * 3.4e38, abs(v) > ${of('f32')}(65504.0))); }`;
    })
    .join('\n'),
] as const;

/** Number of the workgroup in a grid made by `flatGrid`. */
const prelude = `fn group(id: vec3<u32>) -> u32 { return id.x + id.y * ${MAX_GROUPS}u; }`;

/** Exact GELU, leaky ReLU and ReLU with derivatives; erf by its Maclaurin series below 1 and Abramowitz and Stegun 7.1.26 above (error ≤ 1.5e-7). */
export const activationFunctions = `
fn erf(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0) {
    let q = x * x;
    var s = 1.0 / 76204800.0;
    s = fma(-q, s, 1.0 / 6894720.0);
    s = fma(-q, s, 1.0 / 685440.0);
    s = fma(-q, s, 1.0 / 75600.0);
    s = fma(-q, s, 1.0 / 9360.0);
    s = fma(-q, s, 1.0 / 1320.0);
    s = fma(-q, s, 1.0 / 216.0);
    s = fma(-q, s, 1.0 / 42.0);
    s = fma(-q, s, 1.0 / 10.0);
    s = fma(-q, s, 1.0 / 3.0);
    return 1.1283791670955126 * x * fma(-q, s, 1.0);
  }
  let t = 1.0 / fma(0.3275911, a, 1.0);
  let p = t * fma(t, fma(t, fma(t, fma(t, 1.061405429, -1.453152027), 1.421413741), -0.284496736), 0.254829592);
  return sign(x) * (1.0 - p * exp(-a * a));
}
fn gelu(x: f32) -> f32 { return 0.5 * x * (1.0 + erf(x * 0.7071067811865476)); }
fn geluSlope(x: f32) -> f32 { return 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * 0.3989422804014327 * exp(-0.5 * x * x); }
fn leakyRelu(x: f32) -> f32 { return select(0.01 * x, x, x > 0.0); }
fn leakyReluSlope(x: f32) -> f32 { return select(0.01, 1.0, x > 0.0); }
fn relu(x: f32) -> f32 { return max(x, 0.0); }
fn reluSlope(x: f32) -> f32 { return select(0.0, 1.0, x > 0.0); }
fn none(x: f32) -> f32 { return x; }
fn noneSlope(x: f32) -> f32 { return 1.0; }
`;
