import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What @electron/fuses looks for in Electron's program: the sentinel, the wire's version, its length, and one character per fuse. */
const fuseSentinel = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';

/**
 * A folder with the shape of Electron's Linux distribution, for packing where the real one cannot be downloaded. Its program only says what it was
 * started with.
 */
export function writeStandInElectron(folder: string, version: string): void {
  mkdirSync(join(folder, 'resources'), { recursive: true });
  mkdirSync(join(folder, 'locales'), { recursive: true });
  const program = Buffer.concat([
    Buffer.from('#!/bin/sh\nprintf "started with %s\\n" "$@"\nexit 0\n'),
    Buffer.from(fuseSentinel, 'latin1'),
    Buffer.from([1, 9]),
    Buffer.from('000000000', 'latin1'),
    Buffer.alloc(64),
  ]);
  writeFileSync(join(folder, 'electron'), program);
  chmodSync(join(folder, 'electron'), 0o755);
  for (const name of ['LICENSE', 'LICENSES.chromium.html', 'icudtl.dat', 'chrome-sandbox', 'chrome_crashpad_handler'])
    writeFileSync(join(folder, name), '');
  writeFileSync(join(folder, 'version'), version);
  writeFileSync(join(folder, 'locales', 'en-US.pak'), '');
}
