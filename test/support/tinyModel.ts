import { Random } from '#shared/base/random.ts';
import type { BlockName, ModelCard } from '#shared/domain/modelCard.ts';
import { saveModel } from '#main/model/modelFolder.ts';
import { buildModel } from '#main/model/build.ts';
import { variant } from '#main/model/variants.ts';
import { initialWeights } from '#main/model/weights.ts';
import { testLabels } from './studio.ts';

/** Writes the smallest network, untrained, with its card: it predicts nonsense, but all of the way. */
export async function writeTinyModel(folder: string, seed = 1, block: BlockName = 'literal'): Promise<ModelCard> {
  const architecture = variant('tiny', testLabels.length + 1, 1, block);
  const card: ModelCard = {
    format: 1,
    variant: 'tiny',
    architecture,
    labelSet: { labels: testLabels },
    classToLabel: [0, 1, 2],
    spacing: [1, 1, 2],
    intensity: { kind: 'window', low: -1000, high: 1000 },
    patch: [16, 16, 16],
    datasetHash: '',
    history: [],
  };
  await saveModel(
    folder,
    card,
    initialWeights(buildModel(architecture, { mode: 'train', batch: 1, size: [16, 16, 16] }), new Random(seed)),
  );
  return card;
}
