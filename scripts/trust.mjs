// Tries the promises of the application with seeds and counts:
//   node scripts/trust.mjs [--row NAME]… [--from N] [--count N] [--seed N] [--fresh] [--short]
// --from and --count take a range of a row's trials. A run that was killed goes on where it was (.cache/trust keeps how far), unless
// --fresh begins it anew. One line per row; exit 1 when a promise was broken.
import { parseArgs } from 'node:util';
import { longRun, told } from '../test/trust/longRun.ts';
import { loadRows, runRow } from '../test/trust/registry.ts';

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    count: { type: 'string' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    fresh: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
  },
});
const [seed, from] = [Number(values.seed), Number(values.from)];
const all = await loadRows();
const chosen = all.filter((row) => values.row === undefined || values.row.includes(row.name));
if (chosen.length === 0 || !Number.isInteger(seed) || !Number.isInteger(from)) {
  console.error(`Rows: ${all.map((row) => row.name).join(', ')}`);
  process.exit(2);
}

let broken = 0;
const line = (name, { tried, failures, skipped, ...rest }, seconds) =>
  console.log(
    `${name.padEnd(22)} ${String(skipped === undefined ? tried : 'skipped').padStart(7)} ${String(failures.length).padStart(7)} ${seconds.toFixed(1).padStart(8)}  ${told({ skipped, ...rest })}`,
  );
console.log(`${'row'.padEnd(22)} ${'tried'.padStart(7)} ${'failed'.padStart(7)} ${'seconds'.padStart(8)}  seed ${seed}`);
for (const row of chosen) {
  const count = values.count === undefined ? (values.short ? row.short : row.count - from) : Number(values.count);
  const begun = performance.now();
  const result = values.short
    ? await runRow(row, count, seed, from)
    : await longRun(row, { seed, from, count }, values.fresh, (run) => {
        if (run.done < run.count) line(`  ${row.name} so far`, { ...run, counts: {}, most: {}, note: '' }, run.seconds);
      });
  line(row.name, result, result.seconds ?? (performance.now() - begun) / 1000);
  if (result.commits !== undefined) console.log(`    ${new Date().toISOString().slice(0, 16)}, commit ${result.commits.join(', ')}`);
  for (const failure of result.failures.slice(0, 10)) console.log(`    ${failure}`);
  broken += result.failures.length;
}
process.exit(broken === 0 ? 0 : 1);
