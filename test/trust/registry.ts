import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random } from '#shared/base/random.ts';
import ownData from '../support/ownData.ts';
import type { TrustResult, TrustRow } from './row.ts';

/** Every row of rows/, in order of file name. */
export async function loadRows(): Promise<TrustRow[]> {
  const folder = join(import.meta.dirname, 'rows');
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  return Promise.all(
    names.map(async (name) => ((await import(/* @vite-ignore */ pathToFileURL(join(folder, name)).href)) as { row: TrustRow }).row),
  );
}

/** Runs trials of a row, from a number on, in a folder of its own. What it throws is a failure. */
export async function runRow(row: TrustRow, count: number, seed: number, from = 0): Promise<TrustResult> {
  const folder = mkdtempSync(join(tmpdir(), 'trust-'));
  const forget = ownData();
  try {
    return await row.run({ count, from, seed, random: new Random(seed + from), folder });
  } catch (error) {
    return { tried: 0, failures: [`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`] };
  } finally {
    forget();
    rmSync(folder, { recursive: true, force: true });
  }
}
