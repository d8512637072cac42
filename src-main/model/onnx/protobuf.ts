import { must } from '#shared/base/assert.ts';

// The part of ONNX's protocol buffers (onnx.proto3, IR version 8) that networks need, as bytes.

/** A message as pieces that are joined once, so that weights are not copied at every level. */
export interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
}

export const emptyMessage: Message = { pieces: [], length: 0 };

export function joined(...messages: readonly Message[]): Message {
  return { pieces: messages.flatMap(({ pieces }) => pieces), length: messages.reduce((sum, { length }) => sum + length, 0) };
}

const raw = (bytes: Uint8Array): Message => ({ pieces: [bytes], length: bytes.length });

function varint(value: number | bigint): Message {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return raw(Uint8Array.from(bytes));
}

export function integer(field: number, value: number): Message {
  return joined(varint(field << 3), varint(value));
}

export function float(field: number, value: number): Message {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return joined(varint((field << 3) | 5), raw(bytes));
}

export function bytes(field: number, value: Uint8Array): Message {
  return message(field, raw(value));
}

export function text(field: number, value: string): Message {
  return bytes(field, new TextEncoder().encode(value));
}

export function message(field: number, content: Message): Message {
  return joined(varint((field << 3) | 2), varint(content.length), content);
}

/** Throws where the bytes do not fit into one buffer. */
export function encoded({ pieces, length }: Message): Uint8Array {
  const result = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    result.set(piece, at);
    at += piece.length;
  }
  return result;
}

export type Attribute = number | string | readonly number[] | { readonly float: number };

function attribute(name: string, value: Attribute): Message {
  const [content, type] =
    typeof value === 'number'
      ? [integer(3, value), 2]
      : typeof value === 'string'
        ? [text(4, value), 3]
        : 'float' in value
          ? [float(2, value.float), 1]
          : [joined(...value.map((each) => integer(8, each))), 7];
  return message(5, joined(text(1, name), content, integer(20, type)));
}

export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Message {
  return message(
    1,
    joined(
      ...inputs.map((name) => text(1, name)),
      ...outputs.map((name) => text(2, name)),
      text(3, `${op} ${must(outputs[0], 'output')}`),
      text(4, op),
      ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    ),
  );
}

export function initializer(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): Message {
  return message(
    5,
    joined(
      ...shape.map((extent) => integer(1, extent)),
      integer(2, data instanceof Float32Array ? 1 : 7),
      text(8, name),
      bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    ),
  );
}

/** A float32 input (field 11) or output (field 12); a text is an extent that is open. */
export function valueInfo(field: 11 | 12, name: string, shape: readonly (number | string)[]): Message {
  const extents = shape.map((extent) => message(1, typeof extent === 'number' ? integer(1, extent) : text(2, extent)));
  return message(field, joined(text(1, name), message(2, message(1, joined(integer(1, 1), message(2, joined(...extents)))))));
}
