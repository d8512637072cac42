import type { Client } from '#shared/contract/client.ts';
import { beginsWithPrediction } from '#shared/domain/pointing.ts';
import { lessonOf, type Lesson } from '#shared/prompts/lesson.ts';
import { promptChannels } from '#shared/prompts/networkInput.ts';
import type { HostNetwork } from '../work/prompts.ts';

/** What the host knows that pointing goes by. */
export interface PointingHost {
  /** The prompt network; null where there is none. */
  network(): Promise<HostNetwork | null>;
  /** What accepted cases taught, by the name of the label. */
  lessons(): Promise<ReadonlyMap<string, KnownLook>>;
  /** Names of labels that a model was measured to find too badly for a proposal to begin with its prediction. */
  poorlyFound(modelId: string): Promise<ReadonlySet<string>>;
}

/** How a structure looks, and the mean Dice that a first click found by that on held-out cases. */
export interface KnownLook {
  readonly lesson: Lesson;
  readonly first: number;
}

export function pointingHost({ prompts, models }: Client): PointingHost {
  const lessons = async (): Promise<ReadonlyMap<string, KnownLook>> => {
    const known = (await prompts.lessons()).lessons.map(({ label, first, values }) => {
      const lesson = lessonOf(new Float32Array(values.slice().buffer));
      return lesson === null ? null : ([label, { lesson, first }] as const);
    });
    return new Map(known.filter((each) => each !== null));
  };
  return {
    async network() {
      const { side } = await prompts.network();
      if (side === null) return null;
      const ask = async (input: Uint8Array): Promise<Uint8Array> => (await prompts.ask({ input })).chance;
      // Loaded there by a first question, so that the first prompt need not wait for that.
      void ask(new Uint8Array(4 * promptChannels.length * side ** 3)).catch(() => undefined);
      return { side, ask };
    },
    lessons,
    async poorlyFound(modelId) {
      const [{ comparison }, known] = await Promise.all([models.card({ modelId }), lessons()]);
      const measured = comparison?.afterModelId === modelId ? comparison.labels : [];
      return new Set(
        measured.flatMap(({ label, diceAfter }) =>
          diceAfter === null || beginsWithPrediction(diceAfter, known.get(label)?.first) ? [] : [label],
        ),
      );
    },
  };
}
