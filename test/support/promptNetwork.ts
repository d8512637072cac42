import { Random } from '#shared/base/random.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { buildModel } from '#main/model/build.ts';
import { saveModel } from '#main/model/modelFolder.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights, type Weights } from '#main/model/weights.ts';

/** Writes a prompt network as it is before it has learned anything. */
export async function writePromptNetwork(folder: string, side = 16, seed = 1): Promise<Weights> {
  const architecture = variant('tiny', 2, promptChannels.length);
  const model = buildModel(architecture, { batch: 1, size: [side, side, side], mode: 'train' });
  const weights = initialWeights(model, new Random(seed));
  const intensity = { kind: 'zscore', lowPercentile: 1, highPercentile: 99 } as const;
  await saveModel(
    folder,
    {
      format: 1,
      kind: 'prompts',
      variant: 'tiny',
      architecture,
      labelSet: { labels: [{ value: 1, name: 'What was meant', color: '#ffb000', locked: false }] },
      classToLabel: [0, 1],
      spacing: [1, 1, 1],
      intensity,
      channels: promptChannels.map((name) => ({ name, intensity })),
      patch: [side, side, side],
      datasetHash: '',
      history: [],
    },
    weights,
  );
  return weights;
}
