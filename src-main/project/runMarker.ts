import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

const marker = v.object({ pid: v.number(), startedAt: v.string() });

/** A file that is there while the program runs. Found at start, without its process, it tells of a run that did not end well. */
export class RunMarker {
  readonly #file: string;
  /** When the crashed run had started, until it is acknowledged. */
  crashedAt: string | null;

  constructor(file: string, startedAt = new Date().toISOString()) {
    this.#file = file;
    const before = readMarker(file);
    this.crashedAt = before !== null && before.pid !== process.pid && !isAlive(before.pid) ? before.startedAt : null;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ pid: process.pid, startedAt }));
  }

  /** The run ends well. */
  clear(): void {
    if (readMarker(this.#file)?.pid === process.pid) rmSync(this.#file, { force: true });
  }
}

function readMarker(file: string): v.InferOutput<typeof marker> | null {
  try {
    return v.parse(marker, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
