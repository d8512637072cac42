import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** What a process holds. */
export interface Usage {
  readonly megabytes: number;
  readonly descriptors: number;
  readonly threads: number;
}

/** Of a running process, from Linux's /proc; null elsewhere. */
export function usageOf(pid: number): Usage | null {
  if (!existsSync(`/proc/${pid}/status`)) return null;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    megabytes: number('VmRSS') / 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: number('Threads'),
  };
}

/** Most that a process may hold more after the first cycles: an allocator keeps some, a leak grows with the count. */
const moreMegabytes = 150;
const moreOthers = 3;

/** Compares a process with what it held once it had settled: figures, and what is too much. */
export function growthOf(name: string, before: Usage, after: Usage): { most: Record<string, number>; failures: string[] } {
  const grown = {
    MB: after.megabytes - before.megabytes,
    descriptors: after.descriptors - before.descriptors,
    threads: after.threads - before.threads,
  };
  const failures = Object.entries(grown).flatMap(([unit, more]) =>
    more > (unit === 'MB' ? moreMegabytes : moreOthers) ? [`${name}: ${more.toFixed(0)} ${unit} more than at the beginning`] : [],
  );
  return { most: Object.fromEntries(Object.entries(grown).map(([unit, more]) => [`${unit} more of ${name}`, more])), failures };
}
