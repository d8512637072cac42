import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TrustRow } from '../row.ts';

/** What is wrong with the order of the calls in a trace (strace -f -y): every rename needs the file synced before and the folder after. */
export function faultsOf(trace: string): { renames: number; faults: string[] } {
  const synced = new Map<string, boolean>();
  const open: { to: string; line: string }[] = [];
  const faults: string[] = [];
  let renames = 0;
  for (const line of trace.split('\n')) {
    if (/= -1 /.test(line)) continue;
    const write = /\bp?write(?:v|64)?\(\d+<([^>]+)>/.exec(line);
    if (write?.[1] !== undefined) synced.set(write[1], false);
    const sync = /\bf(?:data)?sync\(\d+<([^>]+)>/.exec(line);
    if (sync?.[1] !== undefined) {
      synced.set(sync[1], true);
      for (let n = open.length - 1; n >= 0; n--) if (dirname((open[n] as { to: string }).to) === sync[1]) open.splice(n, 1);
    }
    const rename = /\brename(?:at2?)?\((?:AT_FDCWD[^,]*, )?"([^"]+)", (?:AT_FDCWD[^,]*, )?"([^"]+)"/.exec(line);
    if (rename?.[1] !== undefined && rename[2] !== undefined) {
      renames++;
      if (synced.get(rename[1]) !== true) faults.push(`${rename[2]}: renamed before its content was synced`);
      open.push({ to: rename[2], line });
    }
  }
  return { renames, faults: [...faults, ...open.map(({ to }) => `${to}: its folder was not synced after the rename`)] };
}

export const row: TrustRow = {
  name: 'power-loss-order',
  property: 'every save syncs the file, renames it, and syncs the folder, in that order',
  count: 3,
  short: 1,
  async run({ count, folder }) {
    if (spawnSync('strace', ['-V']).status !== 0) return { tried: 0, failures: [], skipped: 'strace is not installed' };
    const failures: string[] = [];
    let renames = 0;
    for (let trial = 0; trial < count; trial++) {
      const trace = join(folder, `trace${trial}`);
      const saver = join(import.meta.dirname, '../children/saver.ts');
      const run = spawnSync('strace', [
        '-f',
        '-y',
        '-s',
        '300',
        '-e',
        'trace=write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2',
        '-o',
        trace,
        process.execPath,
        saver,
        join(folder, `p${trial}`),
      ]);
      if (run.status !== 0) return { tried: trial, failures: [`the saver failed: ${run.stderr.toString()}`] };
      const found = faultsOf(readFileSync(trace, 'utf8'));
      renames += found.renames;
      failures.push(...found.faults);
      if (found.renames < 6) failures.push(`only ${found.renames} renames seen`);
    }
    return Promise.resolve({ tried: count, failures, counts: { renames } });
  },
};
