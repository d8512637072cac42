import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '#main/model/safetensors.ts';

const tensors = new Map<string, NamedTensor>([
  ['a.weight', { shape: [2, 3], data: Float32Array.from([1, -2, 3.5, NaN, Infinity, 0]) }],
  ['labels', { shape: [2], data: Int32Array.from([7, -1]) }],
  ['empty', { shape: [0], data: new Float32Array(0) }],
]);

function withHeader(header: string, body = new Uint8Array(8)): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

describe('safetensors', () => {
  it('reads back what it wrote', () => {
    const { tensors: read, metadata } = decodeSafetensors(encodeSafetensors(tensors, { config: '{}' }));
    expect([...read]).toEqual([...tensors]);
    expect(metadata).toEqual({ config: '{}' });
  });

  it('reads from a view into a larger buffer', () => {
    const bytes = encodeSafetensors(tensors);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(decodeSafetensors(shifted.subarray(3)).tensors.get('labels')?.data).toEqual(Int32Array.from([7, -1]));
  });

  const entry = (shape: string, start: number, end: number): string => `{"dtype":"F32","shape":${shape},"data_offsets":[${start},${end}]}`;
  it.each([
    ['a name twice', `{"x":${entry('[1]', 0, 4)},"x":${entry('[1]', 4, 8)}}`],
    ['a gap', `{"x":${entry('[1]', 4, 8)}}`],
    ['an overlap', `{"x":${entry('[2]', 0, 8)},"y":${entry('[1]', 4, 8)}}`],
    ['bytes that belong to nobody', `{"x":${entry('[1]', 0, 4)}}`],
    ['a shape of 2⁶³', `{"x":${entry('[4294967296,2147483648]', 0, 8)}}`],
    ['a negative extent', `{"x":${entry('[-2]', 0, 8)}}`],
    ['another type', '{"x":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}}'],
    ['a bad header', '{"x":'],
    ['an array', '[1,2,3]'],
  ])('refuses %s', (_what, header) => {
    expect(() => decodeSafetensors(withHeader(header))).toThrow(/not a usable weight file/);
  });

  it('refuses truncation at every byte', () => {
    const bytes = encodeSafetensors(tensors);
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(/not a usable weight file/);
  });
});
