import { seamRow } from '../seam/seamRow.ts';

export const row = seamRow({
  name: 'whole-seam-io',
  property: 'the same, on a disk whose syncs fail now and then',
  count: 1000,
  short: 10,
  diskFails: true,
});
