import { StudioError } from '#shared/base/errors.ts';
import type { CaseId } from '#shared/domain/ids.ts';
import type { Label, LabelSet } from '#shared/domain/labelSet.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { recordEvent } from './events.ts';

interface Row { value: number; name: string; color: string; locked: number }

/** The labels in the person's order. */
export function getLabelSet(read: ReadHandle): LabelSet {
  return { labels: read.all<Row>('SELECT value, name, color, locked FROM label ORDER BY position').map((row) => ({ ...row, locked: row.locked === 1 })) };
}

/** Labels that were taken out of the set, the latest first. Their values keep their meaning: none of them becomes another label's. */
export function listRemovedLabels(read: ReadHandle): Label[] {
  return read.all<Omit<Row, 'locked'>>('SELECT value, name, color FROM removed_label ORDER BY removed_at DESC, value').map((row) => ({ ...row, locked: false }));
}

/** Cases whose newest accepted or imported mask holds voxels of a label. */
export function casesWithLabel(read: ReadHandle, value: number): CaseId[] {
  return read.all<{ case_id: string }>(
    `SELECT case_id FROM mask_revision AS mask WHERE json_extract(voxels, $path) > 0
       AND revision = (SELECT max(revision) FROM mask_revision WHERE case_id = mask.case_id) ORDER BY case_id`,
    { path: `$."${String(value)}"` },
  ).map((row) => row.case_id);
}

/** The smallest value that neither a label, present or removed, nor a model of the project gives a meaning. Throws `conflict` where none is left. */
export function nextLabelValue(read: ReadHandle): number {
  const cards = read.all<{ card: string }>('SELECT card FROM model').map(({ card }) => JSON.parse(card) as Partial<ModelCard>);
  const taken = new Set([...getLabelSet(read).labels, ...listRemovedLabels(read), ...cards.flatMap(({ labelSet }) => labelSet?.labels ?? [])].map(({ value }) => value));
  const value = Array.from({ length: 255 }, (_, index) => index + 1).find((each) => !taken.has(each));
  if (value === undefined) throw new StudioError('conflict', 'All 255 label values are in use or were. Make another project for further labels.');
  return value;
}

/**
 * Replaces names, colours, order and locks, and adds what is new; a removed label comes back by its own value and name. Throws
 * `invalid-argument`, and `conflict` where a label is missing (`removeLabel` is for that) or a removed one's value gets another name.
 */
export function setLabelSet(write: WriteHandle, { labels }: LabelSet): void {
  const values = new Set(labels.map((label) => label.value));
  if (values.size !== labels.length) throw new StudioError('invalid-argument', 'Two labels have the same value.');
  if (labels.some(({ value }) => !Number.isInteger(value) || value < 1 || value > 255)) throw new StudioError('invalid-argument', 'Label values lie between 1 and 255.');
  write.transaction(() => {
    const before = getLabelSet(write).labels;
    const missing = before.find(({ value }) => !values.has(value));
    if (missing !== undefined) throw new StudioError('conflict', `The list of labels has changed in the meantime: it also has “${missing.name}”. Try again.`);
    for (const { value, name } of listRemovedLabels(write)) {
      const again = labels.find((label) => label.value === value);
      if (again !== undefined && again.name.trim().toLocaleLowerCase() !== name.trim().toLocaleLowerCase()) {
        throw new StudioError('conflict', `The value ${String(value)} was “${name}” until that label was removed, and older masks and models go on meaning it. Take another value, such as ${String(nextLabelValue(write))}, for “${again.name}”.`);
      }
    }
    replaceLabels(write, before, labels, `Labels: ${labels.map((label) => label.name).join(', ') || 'none'}.`);
  });
}

/** Takes a label out of the set; its value stays reserved. Throws `not-found`, and `conflict` where the newest mask of a case holds it. */
export function removeLabel(write: WriteHandle, value: number): void {
  write.transaction(() => {
    const before = getLabelSet(write).labels;
    const label = before.find((each) => each.value === value);
    if (label === undefined) throw new StudioError('not-found', 'This label is not in the list any more.');
    const holding = casesWithLabel(write, value).length;
    if (holding > 0) throw new StudioError('conflict', `“${label.name}” cannot be removed: ${holding === 1 ? 'the mask of 1 case still holds' : `the masks of ${String(holding)} cases still hold`} it.`);
    write.run('INSERT INTO removed_label (value, name, color, removed_at, removed_by) VALUES ($value, $name, $color, $at, $who)', {
      value, name: label.name, color: label.color, at: new Date().toISOString(), who: write.author,
    });
    replaceLabels(write, before, before.filter((each) => each !== label), `Label “${label.name}” removed.`);
  });
}

/** Puts a removed label back at the end of the set, with its value, name and colour. Throws `not-found`. */
export function restoreLabel(write: WriteHandle, value: number): void {
  write.transaction(() => {
    const label = listRemovedLabels(write).find((each) => each.value === value);
    if (label === undefined) throw new StudioError('not-found', 'This label has not been removed, or is back already.');
    const before = getLabelSet(write).labels;
    replaceLabels(write, before, [...before, label], `Label “${label.name}” brought back.`);
  });
}

function replaceLabels(write: WriteHandle, before: readonly Label[], labels: readonly Label[], message: string): void {
  write.run('DELETE FROM label');
  for (const [position, label] of labels.entries()) {
    write.run('INSERT INTO label (value, name, color, locked, position) VALUES ($value, $name, $color, $locked, $position)', {
      value: label.value, name: label.name, color: label.color, locked: label.locked ? 1 : 0, position,
    });
  }
  write.run('DELETE FROM removed_label WHERE value IN (SELECT value FROM label)');
  recordEvent(write, { kind: 'labels-changed', message, detail: { before, after: labels } });
}
