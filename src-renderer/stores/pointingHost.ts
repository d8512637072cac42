import type { Client } from '#shared/contract/client.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import type { HostNetwork } from '../work/prompts.ts';

/** What the host knows that pointing goes by. */
export interface PointingHost {
  /** The prompt network; null where there is none. */
  network(): Promise<HostNetwork | null>;
  /** Names of labels that a model was measured to find too badly for a proposal to begin with its prediction. */
  poorlyFound(modelId: string): Promise<ReadonlySet<string>>;
}

/**
 * Dice on held-out cases below which beginning with a prediction takes no fewer clicks than pointing a structure out anew, though prompts give
 * a wrong one up (docs/explanation/improve.md).
 */
const WORTH_BEGINNING = 0.5;

export function pointingHost({ prompts, models }: Client): PointingHost {
  return {
    async network() {
      const { side } = await prompts.network();
      if (side === null) return null;
      const ask = async (input: Uint8Array): Promise<Uint8Array> => (await prompts.ask({ input })).chance;
      // Loaded there by a first question, so that the first prompt need not wait for that.
      void ask(new Uint8Array(4 * promptChannels.length * side ** 3)).catch(() => undefined);
      return { side, ask };
    },
    async poorlyFound(modelId) {
      const { comparison } = await models.card({ modelId });
      const measured = comparison?.afterModelId === modelId ? comparison.labels : [];
      return new Set(measured.flatMap(({ label, diceAfter }) => (diceAfter !== null && diceAfter < WORTH_BEGINNING ? [label] : [])));
    },
  };
}
