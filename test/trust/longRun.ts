import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runRow } from './registry.ts';
import type { TrustResult, TrustRow } from './row.ts';

const progressFolder = join(import.meta.dirname, '../../.cache/trust');

export interface Range {
  readonly seed: number;
  readonly from: number;
  readonly count: number;
}

export interface LongRun extends Range, TrustResult {
  /** Of `count`, behind `from`. */
  readonly done: number;
  readonly seconds: number;
  /** The commits that it ran on. */
  readonly commits: readonly string[];
}

function commit(): string {
  const git = (...args: string[]): string => spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout?.trim() ?? '';
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' and changes'}`;
}

function merged(a: TrustResult, b: TrustResult): TrustResult {
  const joined = (
    x: Readonly<Record<string, number>> = {},
    y: Readonly<Record<string, number>> = {},
    join: (m: number, n: number) => number,
  ): Record<string, number> => ({
    ...x,
    ...Object.fromEntries(Object.entries(y).map(([name, value]) => [name, name in x ? join(x[name] as number, value) : value])),
  });
  const notes = [...new Set([a.note, b.note].filter((note) => note !== undefined))];
  return {
    tried: a.tried + b.tried,
    failures: [...a.failures, ...b.failures],
    counts: joined(a.counts, b.counts, (m, n) => m + n),
    most: joined(a.most, b.most, Math.max),
    ...(notes.length > 0 && { note: notes.join('; ') }),
    ...(b.skipped !== undefined && { skipped: b.skipped }),
  };
}

/**
 * Runs a range of a row's trials part by part, and notes after each how far it came: a run that was killed goes on where it was. `fresh`
 * begins anew. Where the last one of this range came to its end, so does this.
 */
export async function longRun(
  row: TrustRow,
  range: Range,
  fresh: boolean,
  report: (run: LongRun) => void,
  folder = progressFolder,
): Promise<LongRun> {
  const path = join(folder, `${row.name}-${range.seed}-${range.from}.json`);
  const last = !fresh && existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as LongRun) : null;
  let run: LongRun =
    last !== null && last.count === range.count && last.done < last.count
      ? last
      : { ...range, done: 0, seconds: 0, commits: [], tried: 0, failures: [] };
  while (run.done < run.count && run.skipped === undefined) {
    const begun = performance.now();
    const now = commit();
    const part = Math.min(row.part ?? run.count, run.count - run.done);
    const result = await runRow(row, part, run.seed, run.from + run.done);
    const whole = merged(run, result);
    run = {
      ...run,
      ...whole,
      done: run.done + part,
      seconds: run.seconds + (performance.now() - begun) / 1000,
      commits: [...new Set([...run.commits, now])],
    };
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, JSON.stringify(run, null, 2));
    renameSync(`${path}.new`, path);
    report(run);
  }
  return run;
}

/** Figures in one line. */
export function told({ counts = {}, most = {}, note, skipped }: TrustResult): string {
  return (
    skipped ??
    [
      ...Object.entries(counts).map(([name, count]) => `${count} ${name}`),
      ...Object.entries(most).map(([name, value]) => `at most ${Math.round(value)} ${name}`),
      ...(note === undefined ? [] : [note]),
    ].join(', ')
  );
}
