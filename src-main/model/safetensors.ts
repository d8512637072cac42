import { StudioError } from '#shared/base/errors.ts';

/** A named tensor in a weight file. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const MAXIMUM_HEADER_BYTES = 100_000_000;

interface Entry {
  readonly name: string;
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a safetensors file (F32 and I32). Enforces the format's rules: header at most 100 MB, offsets contiguous and in bounds,
 * shapes that match their bytes, no name twice. Throws `invalid-file` with the rule that is broken.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const fail = (why: string): never => {
    throw new StudioError('invalid-file', `This is not a usable weight file: ${why}.`);
  };
  if (bytes.length < 8) fail('it is shorter than its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > MAXIMUM_HEADER_BYTES) fail('its header claims more than 100 MB');
  if (headerLength > bytes.length - 8) fail('its header is cut off');
  const text = decodeUtf8(bytes.subarray(8, 8 + headerLength)) ?? fail('its header is not UTF-8');
  if (!text.startsWith('{')) fail('its header is not a JSON object');
  const { entries, metadata } = parseHeader(text, fail);

  const body = new Uint8Array(bytes.buffer, bytes.byteOffset + 8 + headerLength, bytes.byteLength - 8 - headerLength);
  let expected = 0;
  const tensors = new Map<string, NamedTensor>();
  for (const { name, dtype, shape, start, end } of entries.sort((a, b) => a.start - b.start || a.end - b.end)) {
    const length = shape.reduce((product, extent) => product * extent, 1);
    if (!Number.isSafeInteger(length * 4) || end - start !== length * 4) fail(`the shape of ${name} does not match its bytes`);
    if (start !== expected || end > body.length) fail(`the bytes of ${name} overlap, leave a gap or lie outside the file`);
    expected = end;
    const copy = body.slice(start, end).buffer;
    tensors.set(name, { shape, data: dtype === 'F32' ? new Float32Array(copy) : new Int32Array(copy) });
  }
  if (expected !== body.length) fail('it holds bytes that belong to no tensor');
  return { tensors, metadata };
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parseHeader(text: string, fail: (why: string) => never): { readonly entries: Entry[]; readonly metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    fail('its header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return fail('its header is not a JSON object');
  const names = topLevelKeys(text);
  if (new Set(names).size !== names.length) fail('a name occurs twice');
  const metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, item] of Object.entries(value as object))
        metadata[key] = typeof item === 'string' ? item : fail('its metadata holds something other than text');
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    if (dtype !== 'F32' && dtype !== 'I32') fail(`${name} has a type other than F32 and I32`);
    if (!isNaturals(shape) || !isNaturals(offsets) || offsets.length !== 2) return fail(`${name} has no usable shape or offsets`);
    const [start = 0, end = 0] = offsets;
    if (end < start) fail(`${name} ends before it starts`);
    entries.push({ name, dtype: dtype as 'F32' | 'I32', shape, start, end });
  }
  return { entries, metadata };
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

/** The keys of the outermost object, in order, repeated ones included (JSON.parse would silently keep the last). */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    else if (character === '"') {
      const start = at;
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
      if (depth === 1 && /^\s*:/.test(text.slice(at + 1, at + 32))) keys.push(JSON.parse(text.slice(start, at + 1)) as string);
    }
  }
  return keys;
}

/** A safetensors file, header padded to eight bytes. Tensors keep the order of the map. */
export function encodeSafetensors(tensors: ReadonlyMap<string, NamedTensor>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: data instanceof Float32Array ? 'F32' : 'I32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset).fill(0x20, 8, 8 + headerLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  let at = 8 + headerLength;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}
