import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface LaunchPage {
  /** file: URL to give to the browser. */
  readonly url: string;
  remove(): void;
}

/**
 * A page that only this person can read and that leads to the entry address. The browser's command line, which every user of the
 * machine can see, then holds the page's name and not the key.
 */
export function writeLaunchPage(folder: string, entryAddress: string): LaunchPage {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const file = join(folder, 'open.html');
  rmSync(file, { force: true });
  writeFileSync(
    file,
    `<!doctype html><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=${entryAddress}"><title>LoGoNet Studio</title>`,
    { mode: 0o600, flag: 'wx' },
  );
  return {
    url: pathToFileURL(file).href,
    remove: () => {
      rmSync(file, { force: true });
    },
  };
}
