// Tries the promises of the application with seeds and counts: node scripts/trust.mjs [--row NAME] [--count N] [--seed N] [--short]
// One line per row; exit 1 when a promise was broken.
import { parseArgs } from 'node:util';
import { loadRows, runRow } from '../test/trust/registry.ts';

const { values } = parseArgs({
  options: { row: { type: 'string', multiple: true }, count: { type: 'string' }, seed: { type: 'string', default: '1' }, short: { type: 'boolean', default: false } },
});
const seed = Number(values.seed);
const all = await loadRows();
const chosen = all.filter((row) => values.row === undefined || values.row.includes(row.name));
if (chosen.length === 0 || !Number.isInteger(seed)) {
  console.error(`Rows: ${all.map((row) => row.name).join(', ')}`);
  process.exit(2);
}

let broken = 0;
console.log(`${'row'.padEnd(22)} ${'tried'.padStart(7)} ${'failed'.padStart(7)} ${'seconds'.padStart(8)}  seed ${seed}`);
for (const row of chosen) {
  const start = performance.now();
  const { tried, failures, note, skipped } = await runRow(row, values.count === undefined ? (values.short ? row.short : row.count) : Number(values.count), seed);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${row.name.padEnd(22)} ${String(skipped === undefined ? tried : 'skipped').padStart(7)} ${String(failures.length).padStart(7)} ${seconds.padStart(8)}  ${skipped ?? note ?? ''}`);
  for (const failure of failures.slice(0, 10)) console.log(`    ${failure}`);
  broken += failures.length;
}
process.exit(broken === 0 ? 0 : 1);
