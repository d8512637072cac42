import { StudioError } from '#shared/base/errors.ts';
import type { CaseId } from '#shared/domain/ids.ts';
import type { Label, LabelSet } from '#shared/domain/labelSet.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import type { ReadHandle } from '../handle.ts';

interface Row {
  value: number;
  name: string;
  color: string;
  locked: number;
  inside: number | null;
}

/** The labels in the person's order. */
export function getLabelSet(read: ReadHandle): LabelSet {
  return {
    labels: read
      .all<Row>('SELECT value, name, color, locked, inside FROM label ORDER BY position')
      .map(({ inside, ...row }) => ({ ...row, locked: row.locked === 1, ...(inside !== null && { inside }) })),
  };
}

/** Labels that were taken out of the set, the latest first. Their values keep their meaning: none of them becomes another label's. */
export function listRemovedLabels(read: ReadHandle): Label[] {
  return read
    .all<Omit<Row, 'locked' | 'inside'>>('SELECT value, name, color FROM removed_label ORDER BY removed_at DESC, value')
    .map((row) => ({ ...row, locked: false }));
}

/** Cases whose newest accepted or imported mask holds voxels of a label. */
export function casesWithLabel(read: ReadHandle, value: number): CaseId[] {
  return read
    .all<{ case_id: string }>(
      `SELECT case_id FROM mask_revision AS mask WHERE json_extract(voxels, $path) > 0
       AND revision = (SELECT max(revision) FROM mask_revision WHERE case_id = mask.case_id) ORDER BY case_id`,
      { path: `$."${String(value)}"` },
    )
    .map((row) => row.case_id);
}

/** Values that models of the project mean something by. */
export function modelLabelValues(read: ReadHandle): number[] {
  const cards = read.all<{ card: string }>('SELECT card FROM model').map(({ card }) => JSON.parse(card) as Partial<ModelCard>);
  return cards.flatMap(({ labelSet }) => labelSet?.labels ?? []).map(({ value }) => value);
}

/** The smallest value that neither a label, present or removed, nor a model of the project gives a meaning. Throws `conflict` where none is left. */
export function nextLabelValue(read: ReadHandle): number {
  const taken = new Set([
    ...[...getLabelSet(read).labels, ...listRemovedLabels(read)].map(({ value }) => value),
    ...modelLabelValues(read),
  ]);
  const value = Array.from({ length: 255 }, (_, index) => index + 1).find((each) => !taken.has(each));
  if (value === undefined)
    throw new StudioError('conflict', 'All 255 label values are in use or were. Make another project for further labels.');
  return value;
}
