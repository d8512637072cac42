import { StudioError } from '#shared/base/errors.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import { openExecutor } from '#main/engine/devices/openExecutor.ts';
import { openPromptNetwork } from '#main/inference/promptNetwork.ts';
import { loadPromptModel } from '#main/model/modelFolder.ts';
import type { AskPrompts } from '../task.ts';

type Opened = Awaited<ReturnType<typeof openPromptNetwork>>;

/** The network that was asked last stays on its device: the next prompt of a person comes soon. */
let opened: { readonly model: string; readonly device: string; readonly network: Promise<Opened> } | null = null;

/** Throws `invalid-argument` for an input of another size, and what loading a model throws. */
export const askPrompts: AskPrompts = async (model, device, input) => {
  const { side, answer } = await networkOf(model, device);
  if (input.length !== promptChannels.length * side ** 3)
    throw new StudioError('invalid-argument', 'This is not what the prompt network takes: it was changed meanwhile. Point again.');
  return Uint8Array.from(await answer(input), (chance) => Math.round(255 * chance));
};

async function networkOf(model: string, device: string): Promise<Opened> {
  if (opened?.model !== model || opened.device !== device) {
    const before = opened?.network;
    opened = { model, device, network: open(model, device) };
    void before?.then(
      (network) => network.dispose(),
      () => undefined,
    );
  }
  const own = opened;
  try {
    return await own.network;
  } catch (error) {
    if (opened === own) opened = null; // The next one tries again.
    throw error;
  }
}

async function open(model: string, device: string): Promise<Opened> {
  const stored = await loadPromptModel(model);
  const executor = await openExecutor(device);
  try {
    const network = await openPromptNetwork(executor, stored);
    return {
      ...network,
      dispose: () => {
        network.dispose();
        executor.dispose();
      },
    };
  } catch (error) {
    executor.dispose();
    throw error;
  }
}
