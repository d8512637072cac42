import type { ModelCard } from '#shared/domain/modelCard.ts';

export type CardRow = readonly [name: string, value: string];

/** A model card as rows for a person; text that is no card is shown as it is. */
export function modelCardRows(text: string): readonly CardRow[] {
  let card: ModelCard;
  try {
    card = JSON.parse(text) as ModelCard;
    return [...rowsOf(card), ...card.history.map((entry): CardRow => [
      'Training', `${entry.startedAt.slice(0, 10)}: ${entry.steps} steps in ${Math.round(entry.minutes)} min on ${entry.cases} cases, validation Dice ${diceOf(entry.validationDice)}`,
    ])];
  } catch {
    return [['Card', text]];
  }
}

function rowsOf({ architecture, labelSet, spacing, intensity, patch, datasetHash }: ModelCard): CardRow[] {
  return [
    ['Network', `${architecture.network}, widths ${architecture.dims.join(' / ')}, depths ${architecture.depths.join(' / ')}, ${architecture.features} features`],
    ['Labels', labelSet.labels.map(({ value, name }) => `${value} ${name}`).join(', ')],
    ['Voxel spacing', `${spacing.map((mm) => mm.toFixed(2)).join(' × ')} mm`],
    ['Intensities', intensity.kind === 'window'
      ? `${intensity.low} to ${intensity.high}, scaled to 0..1`
      : `${intensity.lowPercentile} to ${intensity.highPercentile} percentile of each volume, z-score`],
    ['Patch', `${patch.join(' × ')} voxels (D × H × W)`],
    ['Training data', datasetHash],
  ];
}

function diceOf(dice: Readonly<Record<string, number>>): string {
  return Object.entries(dice).map(([name, value]) => `${name} ${value.toFixed(3)}`).join(', ') || 'not measured';
}
