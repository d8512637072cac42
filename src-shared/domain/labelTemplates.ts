import stored from '../../resources/labels/templates.json' with { type: 'json' };

/** A set of labels that a project can begin with; a label has the value of its place, from 1 on. */
export interface LabelTemplate {
  readonly id: string;
  readonly name: string;
  /** Where names and codes are from, and under what terms. */
  readonly source: string;
  /** `code`, `meaning`: SNOMED CT, where the source has one. */
  readonly labels: readonly { readonly name: string; readonly code?: string; readonly meaning?: string }[];
}

export const labelTemplates: readonly LabelTemplate[] = stored.templates;

const key = (name: string): string => name.trim().toLowerCase().replaceAll('_', ' ');
const codes = new Map(
  labelTemplates.flatMap(({ labels }) =>
    labels.flatMap(({ name, code, meaning }) =>
      code === undefined || meaning === undefined ? [] : [[key(name), { value: code, meaning }] as const],
    ),
  ),
);

/** The concept of a label that is called as in a template; undefined for others. */
export function templateCode(name: string): { readonly value: string; readonly meaning: string } | undefined {
  return codes.get(key(name));
}
