import { describe, expect, it } from 'vitest';
import { loadRows, runRow } from './registry.ts';

/** The short form; `npm run trust` tries the same with its full counts. */
const rows = (await loadRows()).filter(({ short }) => short > 0);

describe('trust', () => {
  it.each(rows.map((row) => [row.name, row.property, row] as const))(
    '%s: %s',
    async (_name, _property, row) => {
      const { failures, skipped, tried } = await runRow(row, row.short, 1);
      expect(failures).toEqual([]);
      expect(skipped !== undefined || tried > 0).toBe(true);
    },
    900_000,
  );
});
