import { readFile, realpath } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
};

export interface StaticFile {
  readonly body: Buffer<ArrayBuffer>;
  readonly mediaType: string;
}

/** A file of the renderer's build by its URL path; null for what is not there, of an unknown type, or outside the folder (links included). */
export async function readStaticFile(folder: string, urlPath: string): Promise<StaticFile | null> {
  let name: string;
  try {
    name = decodeURIComponent(urlPath);
  } catch {
    return null;
  }
  if (name.includes('\0') || name.includes('\\')) return null;
  const mediaType = mediaTypes[extname(name === '/' ? '/index.html' : name)];
  if (mediaType === undefined) return null;
  try {
    const root = await realpath(folder);
    const file = await realpath(resolve(join(root, name === '/' ? 'index.html' : name)));
    if (!file.startsWith(root + sep)) return null;
    return { body: (await readFile(file)) as Buffer<ArrayBuffer>, mediaType };
  } catch {
    return null;
  }
}
