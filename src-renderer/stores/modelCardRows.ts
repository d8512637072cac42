import { localDay } from '#shared/base/localTime.ts';
import type { ImportedModelCard } from '#shared/domain/importedModel.ts';
import type { AnyModelCard, JoinedModelCard } from '#shared/domain/joinedModel.ts';
import type { ModelCard, TrainingHistoryEntry } from '#shared/domain/modelCard.ts';

export type CardRow = readonly [name: string, value: string];

/** A model card as rows for a person; text that is no card is shown as it is. */
export function modelCardRows(text: string): readonly CardRow[] {
  try {
    const card = JSON.parse(text) as AnyModelCard;
    if (card.format === 3) return joinedRows(card);
    return [...(card.format === 2 ? importedRows(card) : rowsOf(card)), ...(card.history ?? []).map(trainingRow)];
  } catch {
    return [['Card', text]];
  }
}

function trainingRow({ startedAt, steps, minutes, cases, validationDice }: TrainingHistoryEntry): CardRow {
  return [
    'Training',
    `${localDay(startedAt)}: ${steps} steps in ${Math.round(minutes)} min on ${cases} cases, validation Dice ${diceOf(validationDice)}`,
  ];
}

function joinedRows({ parts, labelSet }: JoinedModelCard): CardRow[] {
  return [
    ['Joined from', parts.map(({ name }) => name).join(', ')],
    ['Where they overlap', 'a later one is written over an earlier one'],
    ['Labels', labelSet.labels.map(({ value, name }) => `${value} ${name}`).join(', ')],
    ...parts.flatMap(({ name, card, weightsHash }): CardRow[] => [
      [name, card.variant],
      ...(card.format === 2 ? [[`${name}: licence`, card.source.licence ?? 'not stated in its files'] as const] : []),
      [`${name}: labels`, card.labelSet.labels.map((label) => label.name).join(', ')],
      [`${name}: SHA-256`, weightsHash],
    ]),
  ];
}

function rowsOf({ architecture, labelSet, spacing, intensity, patch, scans, datasetHash }: ModelCard): CardRow[] {
  return [
    [
      'Network',
      `${architecture.network}, widths ${architecture.dims.join(' / ')}, depths ${architecture.depths.join(' / ')}, ${architecture.features} features`,
    ],
    ['Labels', labelSet.labels.map(({ value, name }) => `${value} ${name}`).join(', ')],
    ['Voxel spacing', `${spacing.map((mm) => mm.toFixed(2)).join(' × ')} mm`],
    [
      'Intensities',
      intensity.kind === 'window'
        ? `${intensity.low} to ${intensity.high}, scaled to 0..1`
        : `${intensity.lowPercentile} to ${intensity.highPercentile} percentile of each volume, z-score${intensity.kind === 'local' ? ` within ${intensity.millimetres} mm${intensity.sliceAxis === undefined ? '' : ' of the slice'}` : ''}`,
    ],
    ['Patch', `${patch.join(' × ')} voxels (D × H × W)`],
    ...(scans === undefined ? [] : [['Learned from', scansText(scans)] as const]),
    ['Training data', datasetHash],
  ];
}

function scansText({ isCt, spacing, extent }: NonNullable<ModelCard['scans']>): string {
  const between = ({ low, high }: typeof spacing, digits: number): string =>
    [...new Set([low, high].map((each) => each.map((value) => value.toFixed(digits)).join(' × ')))].join(' to ');
  const kind = isCt.length > 1 ? 'CT and others' : isCt[0] === true ? 'CT' : 'no CT';
  return `${kind}, voxels of ${between(spacing, 2)} mm, ${between(extent, 0)} mm in all`;
}

function importedRows({ network, pipeline, folds, labelSet, source, parent }: ImportedModelCard): CardRow[] {
  const kind = network.kind === 'plainConvUNet' ? 'PlainConvUNet' : 'ResidualEncoderUNet';
  return [
    ['Imported from', `${source.kind}: ${source.dataset}, ${source.trainer}, ${source.plans}, ${source.configuration}`],
    ['Licence', source.licence ?? 'not stated in its files'],
    ...(source.reference === null ? [] : [['Source', source.reference] as const]),
    ['Network', `${kind}, widths ${network.features.join(' / ')}`],
    ['Folds', folds.join(', ')],
    ['Images', pipeline.channels.map(({ name }) => name).join(', ')],
    ['Labels', labelSet.labels.map(({ value, name }) => `${value} ${name}`).join(', ')],
    ['Voxel spacing', `${pipeline.spacing.map((mm) => mm.toFixed(2)).join(' × ')} mm`],
    ['Patch', `${pipeline.patch.join(' × ')} voxels`],
    ['Mirroring', pipeline.mirrorAxes.length === 0 ? 'none' : `along ${pipeline.mirrorAxes.length} axes`],
    ...(parent === undefined ? [] : [['Goes on from (SHA-256)', parent] as const]),
    ...Object.entries(source.checkpoints).map(([fold, hash]): CardRow => [`SHA-256 ${fold}`, hash]),
  ];
}

function diceOf(dice: Readonly<Record<string, number>>): string {
  return (
    Object.entries(dice)
      .map(([name, value]) => `${name} ${value.toFixed(3)}`)
      .join(', ') || 'not measured'
  );
}
