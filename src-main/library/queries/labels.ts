import { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { recordEvent } from './events.ts';

interface Row { value: number; name: string; color: string; locked: number }

/** The labels in the person's order. */
export function getLabelSet(read: ReadHandle): LabelSet {
  return { labels: read.all<Row>('SELECT value, name, color, locked FROM label ORDER BY position').map((row) => ({ ...row, locked: row.locked === 1 })) };
}

/** Label values that some accepted or imported mask holds. */
export function usedLabels(read: ReadHandle): number[] {
  return read.all<{ value: number }>('SELECT DISTINCT CAST(entry.key AS INTEGER) AS value FROM mask_revision, json_each(voxels) AS entry WHERE entry.value > 0 ORDER BY value').map((row) => row.value);
}

/** Replaces names, colours, order and locks. Throws `invalid-argument`, and `conflict` where a mask still uses a value that is gone. */
export function setLabelSet(write: WriteHandle, { labels }: LabelSet): void {
  const values = new Set(labels.map((label) => label.value));
  if (values.size !== labels.length) throw new StudioError('invalid-argument', 'Two labels have the same value.');
  if (labels.some(({ value }) => !Number.isInteger(value) || value < 1 || value > 255)) throw new StudioError('invalid-argument', 'Label values lie between 1 and 255.');
  write.transaction(() => {
    const missing = usedLabels(write).filter((value) => !values.has(value));
    if (missing.length > 0) throw new StudioError('conflict', `Masks still use the label ${missing.join(', ')}. Change those masks first, or keep the label.`);
    const before = getLabelSet(write);
    write.run('DELETE FROM label');
    for (const [position, label] of labels.entries()) {
      write.run('INSERT INTO label (value, name, color, locked, position) VALUES ($value, $name, $color, $locked, $position)', {
        value: label.value, name: label.name, color: label.color, locked: label.locked ? 1 : 0, position,
      });
    }
    recordEvent(write, { kind: 'labels-changed', message: `Labels: ${labels.map((label) => label.name).join(', ') || 'none'}.`, detail: { before: before.labels, after: labels } });
  });
}
