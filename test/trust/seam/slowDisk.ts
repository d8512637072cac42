import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes a process's disk slow, or fail, when told. */
export class SlowDisk {
  readonly environment: NodeJS.ProcessEnv;
  readonly #told: string;
  #milliseconds = 0;
  #fails = false;

  private constructor(library: string, told: string) {
    this.#told = told;
    this.environment = { LD_PRELOAD: library, TRUST_DISK: told };
  }

  /** Null where no compiler makes it (Linux with `cc` alone). */
  static in(folder: string): SlowDisk | null {
    if (process.platform !== 'linux') return null;
    const [library, told] = [join(folder, 'slowDisk.so'), join(folder, 'slowDisk')];
    writeFileSync(told, Buffer.alloc(2));
    const { status } = spawnSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'slowDisk.c')]);
    return status === 0 ? new SlowDisk(library, told) : null;
  }

  /** From now on each sync takes so long, at most 255 ms. */
  syncTakes(milliseconds: number): void {
    this.#milliseconds = milliseconds;
    this.#tell();
  }

  /** From now on no sync succeeds, or each does. */
  syncFails(fails: boolean): void {
    this.#fails = fails;
    this.#tell();
  }

  #tell(): void {
    writeFileSync(this.#told, Uint8Array.of(this.#milliseconds, Number(this.#fails)), { flag: 'r+' });
  }
}
