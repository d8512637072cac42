import { seamRow } from '../seam/seamRow.ts';

export const row = seamRow({
  name: 'whole-seam',
  property: 'acknowledged = on disk = what a fresh window shows, whatever window, host and disk do',
  count: 10_000,
  short: 60,
  diskFails: false,
});
