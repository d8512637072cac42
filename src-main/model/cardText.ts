import type { IntensityRule, TrainingHistoryEntry } from '#shared/domain/modelCard.ts';
import { isImported, type StoredImport, type StoredModel } from './modelFolder.ts';

/** What a model is and how it is used, as Markdown for people: nothing of patients, paths or machines. */
export function cardText(model: StoredModel | StoredImport): string {
  const { labelSet } = model.card;
  const lines = isImported(model) ? importedLines(model) : ownLines(model);
  return [
    '# Model card',
    '',
    ...lines.map(([name, value]) => `- **${name}:** ${value}`),
    `- **SHA-256 of the weights:** ${model.weightsHash}`,
    '',
    '| value | label |',
    '|---|---|',
    '| 0 | background |',
    ...labelSet.labels.map(({ value, name }) => `| ${value} | ${name.replaceAll('|', '\\|')} |`),
    '',
    'This is no medical device. Its results have to be looked at by someone who knows what they should be.',
    '',
  ].join('\n');
}

type Line = readonly [name: string, value: string];

function ownLines({ card }: StoredModel): Line[] {
  const { architecture, spacing, intensity, channels, patch, history } = card;
  return [
    [
      'Network',
      `${architecture.network} (${card.variant}), ${architecture.inChannels} ${architecture.inChannels === 1 ? 'channel' : 'channels'}, ${architecture.classes} classes`,
    ],
    ['Axes', 'the closest ones to RAS; D = k, H = j, W = i'],
    ['Voxel spacing', `${spacing.map((mm) => mm.toFixed(3)).join(' × ')} mm along i, j, k`],
    ...(channels === undefined
      ? [['Intensities', intensityText(intensity)] as const]
      : channels.map((channel, n): Line => [
          `Channel ${n + 1}, ${channel.name}`,
          `${intensityText(channel.intensity)}${channel.optional === true ? '; 0 everywhere where a case lacks it' : ''}`,
        ])),
    ['Patch', `${patch.join(' × ')} voxels (D × H × W)`],
    ['Training', history.length === 0 ? 'not recorded' : trainingText(history)],
  ];
}

const trainingText = (history: readonly TrainingHistoryEntry[]): string =>
  history.map(({ steps, cases }) => `${steps} steps on ${cases} cases`).join('; ');

function intensityText(rule: IntensityRule): string {
  if (rule.kind === 'window') return `clipped to ${rule.low} … ${rule.high}, scaled to 0 … 1`;
  const whole = `clipped to the percentiles ${rule.lowPercentile} and ${rule.highPercentile} of each volume, then mean 0 and standard deviation 1`;
  return rule.kind === 'zscore'
    ? whole
    : `${whole}, then both again within ${rule.millimetres} mm of each voxel${rule.sliceAxis === undefined ? '' : ' in its slice'}`;
}

function importedLines({ card: { network, pipeline, source, folds, history = [], parent } }: StoredImport): Line[] {
  return [
    ['Imported from', `${source.kind}: ${source.dataset}, ${source.trainer}, ${source.plans}, ${source.configuration}`],
    ['Licence', source.licence ?? 'not stated in its files; ask where it comes from before you pass it on'],
    ...(source.reference === null ? [] : [['Source', source.reference] as const]),
    ['Network', `${network.kind}, ${network.inChannels} channels, ${network.heads} heads (${pipeline.output.kind})`],
    ['Folds', `${folds.join(', ')}, their logits averaged`],
    ['Images', pipeline.channels.map(({ name, normalisation }) => `${name} (${normalisation.scheme})`).join(', ')],
    [
      'Axes',
      `z, y, x ${pipeline.orientation === 'canonical' ? 'turned to the closest RAS ones' : 'as stored'}, transposed by ${pipeline.transpose.join(', ')}`,
    ],
    ['Voxel spacing', `${pipeline.spacing.map((mm) => mm.toFixed(3)).join(' × ')} mm, transposed`],
    ['Patch', `${pipeline.patch.join(' × ')} voxels, transposed`],
    ...(history.length === 0 ? [] : [['Trained further', trainingText(history)] as const]),
    ...(parent === undefined ? [] : [['Goes on from the weights', parent] as const]),
    ...Object.entries(source.checkpoints).map(([fold, hash]): Line => [`SHA-256 of ${fold}'s checkpoint`, hash]),
  ];
}
