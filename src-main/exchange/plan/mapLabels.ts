/** A label is its name, not its number: what the labels of masks that come in become in the project. */
import { StudioError } from '#shared/base/errors.ts';
import { sameLabel, type Label } from '#shared/domain/labelSet.ts';
import type { LabelCode } from '#main/imageio/labelCodes.ts';
import type { StoredLabelCode } from '#main/library/index.ts';
import { freshColor } from '../labelColors.ts';
import { inThePlan, type PlanAnswers } from './answers.ts';

type AnswerHint = PlanAnswers['label'];

/** A label of the masks, whatever values it has in them. */
export interface PlannedLabel {
  /** `name:…` where it has a name, else `value:…`: masks whose numbers nothing names are taken to mean the same by them. */
  readonly key: string;
  /** As the source calls it; null where it has no name. */
  readonly name: string | null;
  /** Its values in the masks. */
  readonly values: readonly number[];
  /** '#rrggbb', where the source says one. */
  readonly color: string | null;
  /** What it is by a code of the source, whatever it is called; null where it has none, or not one of its own. */
  readonly code: LabelCode | null;
  readonly masks: number;
  /** The project's label that it becomes, or that it makes; null: left out, its voxels become background. */
  readonly target: string | null;
  /** Why a person has to say what it is; null where it is certain. */
  readonly doubt: string | null;
  /** It became `target` by its code, not by its name. */
  readonly byCode: boolean;
  /** The key of the label that it lies inside of. */
  readonly inside?: string;
}

export interface SourceLabel {
  readonly value: number;
  readonly name?: string;
  readonly color?: string;
  readonly code?: LabelCode;
}

/** What the project calls things. */
export interface ProjectLabels {
  readonly labels: readonly Label[];
  readonly removed: readonly Label[];
  /** Further values that models mean something by. */
  readonly taken: readonly number[];
  readonly codes: readonly StoredLabelCode[];
}

export const mostLabels = 255;

export function keyOfLabel(label: SourceLabel): string {
  const name = nameOf(label);
  return name === null ? `value:${String(label.value)}` : `name:${sameLabel(name)}`;
}

/** What it is called, else what its code means. */
function nameOf({ name, code }: SourceLabel): string | null {
  return [name, code?.meaning].find((each) => each !== undefined && sameLabel(each) !== '') ?? null;
}

interface Found {
  readonly name: string | null;
  readonly values: Set<number>;
  readonly color: string | null;
  code: LabelCode | null;
  masks: number;
}

/** The labels of all masks, with what they become as far as their codes and names say; `doubt` where they do not. */
export function planLabels(masks: readonly (readonly SourceLabel[])[], project: ProjectLabels): PlannedLabel[] {
  const found = new Map<string, Found>();
  const twice = new Map<string, readonly number[]>();
  for (const labels of masks) {
    for (const [key, group] of Map.groupBy(labels, keyOfLabel))
      if (group.length > 1)
        twice.set(
          key,
          group.map(({ value }) => value),
        );
    for (const label of labels) {
      const key = keyOfLabel(label);
      const code = ownCode(label, labels);
      const entry = found.get(key) ?? { name: nameOf(label), values: new Set(), color: label.color ?? null, code, masks: 0 };
      if (entry.code?.key !== code?.key) entry.code = null;
      entry.values.add(label.value);
      entry.masks++;
      found.set(key, entry);
    }
  }
  const isEmpty = project.labels.length === 0 && project.removed.length === 0;
  const planned = [...found].map(([key, { values, ...entry }]): PlannedLabel => {
    const sorted = [...values].sort((a, b) => a - b);
    const several = twice.get(key);
    if (entry.name === null) return { ...entry, key, values: sorted, byCode: false, ...unnamed(sorted[0] ?? 0, project, isEmpty) };
    const decided = identified(entry.name, entry.code, project);
    return {
      ...entry,
      key,
      values: sorted,
      ...decided,
      doubt: several === undefined ? decided.doubt : `One mask gives the name “${entry.name}” to the values ${several.join(' and ')}.`,
    };
  });
  return planned.sort((a, b) => (a.values[0] ?? 0) - (b.values[0] ?? 0) || (a.key < b.key ? -1 : 1));
}

/** Its code, if no other label of the mask has the same: two kidneys under one code are told apart by their names alone. */
function ownCode({ code, value }: SourceLabel, labels: readonly SourceLabel[]): LabelCode | null {
  return code === undefined || labels.some((other) => other.value !== value && other.code?.key === code.key) ? null : code;
}

/** What a label with a name becomes: by its code where one label of the project has it, else by its name. */
function identified(name: string, code: LabelCode | null, project: ProjectLabels): Pick<PlannedLabel, 'target' | 'doubt' | 'byCode'> {
  const byName = named(project, name);
  const byCode = code === null ? undefined : coded(project, code, name);
  if (byCode !== undefined && byName === undefined) return { target: byCode, doubt: null, byCode: true };
  if (byCode !== undefined && byCode !== byName)
    return {
      target: byName ?? byCode,
      doubt: `By its name “${name}” is “${byName ?? ''}”, by its code (${code?.meaning ?? ''}, ${code?.key ?? ''}) it is “${byCode}”.`,
      byCode: false,
    };
  return { target: byName ?? name.trim().slice(0, 128), doubt: null, byCode: false };
}

/** The one label of the project that came with this code before, or is called what it means; undefined where none is, or several are. */
function coded({ labels, removed, codes }: ProjectLabels, code: LabelCode, name: string): string | undefined {
  const all = [...labels, ...removed];
  const values = new Set(codes.filter(({ key }) => key === code.key).map(({ value }) => value));
  for (const label of all) if (words(label.name) === words(code.meaning) && words(code.meaning) !== '') values.add(label.value);
  const [only, ...others] = all.filter(({ value }) => values.has(value));
  return only !== undefined && others.length === 0 && (code.key.includes('|') || samePart(name, only.name)) ? only.name : undefined;
}

/** A code for a kidney is no word on which one: names that differ in side or number mean different things. */
function samePart(name: string, label: string): boolean {
  if (/^(segment|label|class|structure|region|roi|object)?[\s_-]*\d*$/i.test(name.trim())) return true; // It says nothing.
  const parts = (text: string): string =>
    (sameLabel(text).match(/\b(left|right|upper|lower|middle|l|r|[a-z]?\d+)\b/g) ?? []).sort().join(' ');
  return parts(name) === parts(label);
}

function words(name: string): string {
  return sameLabel(name).split(' ').sort().join(' ');
}

function named({ labels, removed }: ProjectLabels, name: string): string | undefined {
  return [...labels, ...removed].find((label) => sameLabel(label.name) === sameLabel(name))?.name;
}

function unnamed(value: number, project: ProjectLabels, isEmpty: boolean): Pick<PlannedLabel, 'target' | 'doubt'> {
  const name = `Label ${String(value)}`;
  if (isEmpty || named(project, name) !== undefined) return { target: named(project, name) ?? name, doubt: null };
  const known = project.labels.find((label) => label.value === value);
  if (known !== undefined)
    return { target: known.name, doubt: `Nothing but the number says that the value ${String(value)} is “${known.name}”.` };
  const removed = project.removed.find((label) => label.value === value);
  if (removed !== undefined)
    return { target: removed.name, doubt: `The value ${String(value)} was “${removed.name}” until that label was removed.` };
  return { target: name, doubt: `Nothing says what the value ${String(value)} means.` };
}

/** The labels with what a description says to lie inside others. */
export function withOuter(
  nested: readonly { readonly name: string; readonly outer: string }[],
  planned: readonly PlannedLabel[],
): PlannedLabel[] {
  return planned.map((label) => {
    const found = nested.find(({ name }) => label.name !== null && sameLabel(name) === sameLabel(label.name));
    return found === undefined ? label : { ...label, inside: `name:${sameLabel(found.outer)}` };
  });
}

/** A person's word on a label: which label of the project it becomes; null: it is left out. By key, name, or value of an unnamed label. */
export type LabelChoices = ReadonlyMap<string, string | null>;

/** The plan with what a person said. Throws `invalid-argument` for a choice that no label has, unless there may be some. */
export function withChoices(planned: readonly PlannedLabel[], choices: LabelChoices, mayBeUnused = false): PlannedLabel[] {
  const used = new Set<string>();
  const chosen = planned.map((label): PlannedLabel => {
    const said = [label.key, ...(label.name === null ? label.values.map(String) : [label.name])].find((each) => choices.has(each));
    if (said === undefined) return label;
    used.add(said);
    const target = choices.get(said) ?? null;
    return { ...label, target: target === null ? null : target.trim().slice(0, 128), doubt: null, byCode: false };
  });
  const unknown = mayBeUnused ? undefined : [...choices.keys()].find((each) => !used.has(each));
  if (unknown !== undefined)
    throw new StudioError(
      'invalid-argument',
      `The masks hold no label “${unknown}”, only ${planned.map(({ name, values }) => name ?? String(values[0] ?? '')).join(', ') || 'none'}.`,
    );
  return chosen;
}

export interface AdmittedLabels {
  /** The project's labels afterwards. */
  readonly labels: readonly Label[];
  /** Value in the project by key; 0: left out. */
  readonly valueOf: ReadonlyMap<string, number>;
}

/**
 * Gives every label of the plan its value: that of the project's label of its name, else its own where it is free, else the next free one. A
 * removed label comes back with its value. New labels lie inside those that they lay inside of. Throws `conflict` while something is in doubt, two labels would become one unasked, or there are too many.
 */
export function admitLabels(
  planned: readonly PlannedLabel[],
  project: ProjectLabels,
  answer: AnswerHint = inThePlan.label,
): AdmittedLabels {
  const doubts = planned.filter(({ doubt }) => doubt !== null);
  if (doubts.length > 0) throw new StudioError('conflict', question(doubts, answer));
  const labels = [...project.labels];
  const taken = new Set([...project.taken, ...[...project.labels, ...project.removed].map(({ value }) => value)]);
  const valueOf = new Map<string, number>();
  for (const { key, target, values, color } of planned) {
    if (target === null) {
      valueOf.set(key, 0);
      continue;
    }
    let label = labels.find(({ name }) => sameLabel(name) === sameLabel(target));
    if (label === undefined) {
      label = project.removed.find(({ name }) => sameLabel(name) === sameLabel(target)) ?? {
        value: freeValue(values, taken, answer),
        name: target,
        color: color !== null && /^#[0-9a-f]{6}$/i.test(color) ? color : '',
        locked: false,
      };
      if (label.color === '') label = { ...label, color: freshColor(labels, label.value) };
      labels.push(label);
      taken.add(label.value);
    }
    valueOf.set(key, label.value);
  }
  const isNew = ({ value }: Label): boolean => !project.labels.some((label) => label.value === value);
  const outerOf = new Map(
    planned.flatMap(({ key, inside }) => (inside === undefined ? [] : [[valueOf.get(key), valueOf.get(inside)] as const])),
  );
  return {
    labels: labels.map((label) => {
      const outer = isNew(label) ? outerOf.get(label.value) : undefined;
      return outer === undefined || outer === 0 || outer === label.value ? label : { ...label, inside: outer };
    }),
    valueOf,
  };
}

function freeValue(wanted: readonly number[], taken: ReadonlySet<number>, answer: AnswerHint): number {
  const own = wanted.find((value) => value >= 1 && value <= mostLabels && !taken.has(value));
  const value = own ?? Array.from({ length: mostLabels }, (_, n) => n + 1).find((each) => !taken.has(each));
  if (value === undefined)
    throw new StudioError('conflict', `The masks hold more labels than a project can (${String(mostLabels)}). ${answer(null, '')}`);
  return value;
}

function question(doubts: readonly PlannedLabel[], answer: AnswerHint): string {
  const [first] = doubts;
  const label = first?.name ?? String(first?.values[0] ?? '');
  const example = first?.target ?? 'Liver';
  const further =
    doubts.length === 1
      ? ''
      : ` The same goes for ${doubts
          .slice(1, 6)
          .map(({ name, values }) => name ?? String(values[0] ?? ''))
          .join(', ')}${doubts.length > 6 ? ' and more' : ''}.`;
  return `${first?.doubt ?? ''}${further} ${answer(label, example)}`;
}
