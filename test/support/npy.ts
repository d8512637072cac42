/** A little-endian, C-ordered .npy array of float32, float16 or uint8 as numbers. */
export function readNpy(bytes: Buffer): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const headerLength = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + headerLength);
  const type = /'descr': '([^']+)'/.exec(header)?.[1];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const body = bytes.subarray(10 + headerLength);
  const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  for (let index = 0; index < data.length; index++)
    data[index] = type === '<f4' ? body.readFloatLE(index * 4) : type === '<f2' ? half(body.readUInt16LE(index * 2)) : (body[index] ?? 0);
  return { shape, data };
}

function half(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
