import { StudioError } from '#shared/base/errors.ts';
import { sameLabel, type Label, type LabelSet } from '#shared/domain/labelSet.ts';
import { checkInside } from '#shared/domain/regions.ts';
import type { WriteHandle } from '../handle.ts';
import { recordEvent } from './events.ts';
import { casesWithLabel, getLabelSet, listRemovedLabels, nextLabelValue } from './labels.ts';
import { asLabelsStep } from './labelSteps.ts';

/** Throws `conflict` where a label gets a name that another one has, however it is written. Labels that were called alike before may stay. */
export function checkNames(before: readonly Label[], labels: readonly Label[]): void {
  for (const { value, name } of labels) {
    const other = labels.find((each) => each.value !== value && sameLabel(each.name) === sameLabel(name));
    if (other === undefined || before.some((each) => each.value === value && sameLabel(each.name) === sameLabel(name))) continue;
    throw new StudioError(
      'conflict',
      `There is a label “${other.name}” already, and names are what labels are told apart by. Give it another name.`,
    );
  }
}

/**
 * Replaces names, colours, order, locks and what lies inside what, and adds what is new; a removed label comes back by its own value and name. Throws
 * `invalid-argument`, and `conflict` where a label is missing (`removeLabel` is for that), a removed one's value gets another name or a label another's. `step`: goes
 * into the history of the project.
 */
export function setLabelSet(write: WriteHandle, { labels }: LabelSet, { step = true } = {}): void {
  const values = new Set(labels.map((label) => label.value));
  if (values.size !== labels.length) throw new StudioError('invalid-argument', 'Two labels have the same value.');
  if (labels.some(({ value }) => !Number.isInteger(value) || value < 1 || value > 255))
    throw new StudioError('invalid-argument', 'Label values lie between 1 and 255.');
  checkInside({ labels });
  const change = (): void => {
    const before = getLabelSet(write).labels;
    const missing = before.find(({ value }) => !values.has(value));
    if (missing !== undefined)
      throw new StudioError('conflict', `The list of labels has changed in the meantime: it also has “${missing.name}”. Try again.`);
    for (const { value, name } of listRemovedLabels(write)) {
      const again = labels.find((label) => label.value === value);
      if (again !== undefined && again.name.trim().toLocaleLowerCase() !== name.trim().toLocaleLowerCase()) {
        throw new StudioError(
          'conflict',
          `The value ${String(value)} was “${name}” until that label was removed, and older masks and models go on meaning it. Take another value, such as ${String(nextLabelValue(write))}, for “${again.name}”.`,
        );
      }
    }
    checkNames(before, labels);
    replaceLabels(write, before, labels, `Labels: ${labels.map((label) => label.name).join(', ') || 'none'}.`);
  };
  if (step) asLabelsStep(write, 'Labels changed', change);
  else write.transaction(change);
}

/** Takes a label out of the set; its value stays reserved. Throws `not-found`, and `conflict` where the newest mask of a case holds it. */
export function removeLabel(write: WriteHandle, value: number): void {
  asLabelsStep(write, 'Label removed', () => {
    const before = getLabelSet(write).labels;
    const label = before.find((each) => each.value === value);
    if (label === undefined) throw new StudioError('not-found', 'This label is not in the list any more.');
    const holding = casesWithLabel(write, value).length;
    if (holding > 0)
      throw new StudioError(
        'conflict',
        `“${label.name}” cannot be removed: ${holding === 1 ? 'the mask of 1 case still holds' : `the masks of ${String(holding)} cases still hold`} it.`,
      );
    write.run('INSERT INTO removed_label (value, name, color, removed_at, removed_by) VALUES ($value, $name, $color, $at, $who)', {
      value,
      name: label.name,
      color: label.color,
      at: new Date().toISOString(),
      who: write.author,
    });
    replaceLabels(
      write,
      before,
      // What lay inside it lies in what it lay in.
      before.filter((each) => each !== label).map((each) => (each.inside === value ? insideOf(each, label.inside) : each)),
      `Label “${label.name}” removed.`,
    );
  });
}

/** Puts a removed label back at the end of the set, with its value, name and colour. Throws `not-found`, and `conflict` where another has its name by now. */
export function restoreLabel(write: WriteHandle, value: number): void {
  asLabelsStep(write, 'Label brought back', () => {
    const label = listRemovedLabels(write).find((each) => each.value === value);
    if (label === undefined) throw new StudioError('not-found', 'This label has not been removed, or is back already.');
    const before = getLabelSet(write).labels;
    checkNames(before, [...before, label]);
    replaceLabels(write, before, [...before, label], `Label “${label.name}” brought back.`);
  });
}

/**
 * Makes the set what it was at another time. Labels that it had not are removed ones from then on: undo histories may still mean them. Nobody may
 * hold them (the caller has looked).
 */
export function returnToLabels(
  write: WriteHandle,
  { labels, removed }: { readonly labels: readonly Label[]; readonly removed: readonly Label[] },
  message: string,
): void {
  write.transaction(() => {
    const before = getLabelSet(write).labels;
    const gone = [...removed, ...before].filter(({ value }) => !labels.some((label) => label.value === value));
    for (const label of gone)
      write.run(
        'INSERT OR IGNORE INTO removed_label (value, name, color, removed_at, removed_by) VALUES ($value, $name, $color, $at, $who)',
        {
          value: label.value,
          name: label.name,
          color: label.color,
          at: new Date().toISOString(),
          who: write.author,
        },
      );
    replaceLabels(write, before, labels, message);
  });
}

/** The label inside another one, or inside none. */
export function insideOf({ inside: _before, ...label }: Label, outer: number | undefined): Label {
  return outer === undefined ? label : { ...label, inside: outer };
}

function replaceLabels(write: WriteHandle, before: readonly Label[], labels: readonly Label[], message: string): void {
  write.run('DELETE FROM label');
  for (const [position, label] of labels.entries()) {
    write.run(
      'INSERT INTO label (value, name, color, locked, inside, position) VALUES ($value, $name, $color, $locked, $inside, $position)',
      {
        value: label.value,
        name: label.name,
        color: label.color,
        locked: label.locked ? 1 : 0,
        inside: label.inside ?? null,
        position,
      },
    );
  }
  write.run('DELETE FROM removed_label WHERE value IN (SELECT value FROM label)');
  recordEvent(write, { kind: 'labels-changed', message, detail: { before, after: labels } });
}
