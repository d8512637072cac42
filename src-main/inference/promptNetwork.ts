import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { AskedNetwork } from '#shared/prompts/askNetwork.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { StoredModel } from '#main/model/modelFolder.ts';
import { NetworkPredictor } from './networkPredictor.ts';

/** A prompt network on a device, ready to answer. Throws `invalid-argument` for one of other channels. */
export async function openPromptNetwork(executor: Executor, { card, weights }: StoredModel): Promise<AskedNetwork & Disposable> {
  if (card.channels?.map(({ name }) => name).join() !== promptChannels.join())
    throw new StudioError(
      'invalid-argument',
      'This network was made by another version and takes other channels: train one with “logonet prompts train”.',
    );
  const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);
  return {
    side: card.patch[0],
    answer: async (input) => {
      const probability = await predictor.predict(input);
      return probability.slice(probability.length / 2);
    },
    dispose: () => predictor.dispose(),
  };
}
