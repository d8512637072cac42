import { StudioError } from '#shared/base/errors.ts';
import type { NnunetPipeline } from '#shared/domain/importedModel.ts';
import type { Fields } from './fields.ts';
import type { OrderedJson } from './orderedJson.ts';

export interface NnunetLabels {
  /** Channels that the network puts out. */
  readonly heads: number;
  /** Value and name of what can be written into a mask. */
  readonly labels: readonly { readonly value: number; readonly name: string }[];
  readonly output: NnunetPipeline['output'];
}

const HIGHEST = 255;

/**
 * The labels of a dataset.json. Regions are overlapping labels: head i is the i-th entry, in the order of the file, and writes
 * `regions_class_order[i]`, later ones over earlier ones. Throws `invalid-file`, `unsupported`.
 */
export function readLabels(dataset: Fields): NnunetLabels {
  const entries = dataset.object('labels').entries();
  const wanted = entries.filter(([name]) => name !== 'background' && name !== 'ignore');
  if (wanted.length === 0) throw invalid('it has no labels');
  const members = wanted.map(([name, value]) => ({ name, values: valuesOf(value) }));
  if (members.some(({ values }) => values.length > 1)) {
    const order = dataset.numbers('regions_class_order', 1, HIGHEST);
    if (order.length !== members.length || new Set(order).size !== order.length)
      throw invalid('its regions and their order do not fit together');
    return {
      heads: members.length,
      labels: members.map(({ name }, head) => ({ name, value: order[head] as number })).toSorted((a, b) => a.value - b.value),
      output: { kind: 'regions', values: order, members: members.map(({ values }) => values.filter((value) => order.includes(value))) },
    };
  }
  const labels = members.map(({ name, values }) => ({ name, value: values[0] as number })).toSorted((a, b) => a.value - b.value);
  if (labels.some(({ value }, index) => value !== index + 1)) {
    throw new StudioError('unsupported', 'This nnU-Net model cannot be used here: its labels are not numbered one after another.');
  }
  if (labels.length > HIGHEST) throw new StudioError('unsupported', `This nnU-Net model has more than ${HIGHEST} labels.`);
  return { heads: labels.length + 1, labels, output: { kind: 'labels', values: [0, ...labels.map(({ value }) => value)] } };
}

function valuesOf(value: OrderedJson): readonly number[] {
  const values = Array.isArray(value) ? (value as readonly OrderedJson[]) : [value];
  if (values.length === 0 || !values.every((one) => Number.isInteger(one) && (one as number) >= 1 && (one as number) <= 65535))
    throw invalid('a label has no usable value');
  return values as readonly number[];
}

function invalid(why: string): StudioError {
  return new StudioError('invalid-file', `dataset.json of this nnU-Net model is not usable: ${why}.`);
}
