import { crc32, deflateSync } from 'node:zlib';

/** A colour picture as a PNG file; `rgba`: row by row from the top left. */
export function encodePng(width: number, height: number, rgba: Uint8ClampedArray): Uint8Array {
  const bytes = 4 * width;
  const rows = Buffer.alloc((bytes + 1) * height); // Before each row its filter: none.
  for (let y = 0; y < height; y++) rows.set(rgba.subarray(y * bytes, (y + 1) * bytes), y * (bytes + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6], 8); // bits a sample; red, green, blue and alpha
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
