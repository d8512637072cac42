import { readdirSync, readFileSync } from 'node:fs';

/** Children of a process whose command line has `words` in it (Linux's /proc). */
export function childrenOf(parent: number, words: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const ppid = Number(
          readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
            .replace(/^.*\) . /s, '')
            .split(' ')[0],
        );
        return ppid === parent && readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes(words);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}

/** The compute process of a host. */
export function computeProcessOf(host: number): number {
  const [pid] = childrenOf(host, 'jobs/main.ts');
  if (pid === undefined) throw new Error('no compute process');
  return pid;
}
