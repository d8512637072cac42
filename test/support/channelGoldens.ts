/** Steps of small networks with two, three and four channels as PyTorch's float64 computed them; test/fixtures/goldens says how they were made. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

const folder = resolve(import.meta.dirname, '../fixtures/goldens');
const ending = '.safetensors.gz';

export const channelGoldens = readdirSync(folder)
  .filter((name) => name.endsWith(ending))
  .map((name) => name.slice(0, -ending.length));

/** The bytes of the safetensors file. */
export function readChannelGolden(name: string): Uint8Array {
  return gunzipSync(readFileSync(resolve(folder, name + ending)));
}
