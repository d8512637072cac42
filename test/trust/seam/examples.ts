import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Action } from './sequence.ts';

const path = join(import.meta.dirname, 'examples.json');

/** Shortest sequences that have failed once; they run first. */
export function readExamples(): Action[][] {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Action[][]) : [];
}

export function keepExample(actions: readonly Action[]): void {
  const known = readExamples().map((example) => JSON.stringify(example));
  const lines = [...new Set([...known, JSON.stringify(actions)])];
  writeFileSync(path, `[\n${lines.map((line) => `  ${line}`).join(',\n')}\n]\n`);
}
