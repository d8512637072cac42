/// <reference lib="esnext.float16" />
import type { HostData } from '../../tensor/tensorType.ts';

/** Numbers as float16, padded to whole words of four bytes. */
export function toHalf(data: HostData): Uint8Array {
  const halves = new Float16Array(Math.ceil(data.length / 2) * 2);
  halves.set(data);
  return new Uint8Array(halves.buffer);
}

export function fromHalf({ buffer }: Uint8Array): Float32Array {
  return Float32Array.from(new Float16Array(buffer));
}
