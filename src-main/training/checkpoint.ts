import { StudioError } from '#shared/base/errors.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '#main/model/safetensors.ts';
import type { Weights } from '#main/model/weights.ts';

/** Where a training keeps its files; each `save` replaces the file as a whole or not at all. */
export interface CheckpointStore {
  /** The bytes last saved under a name, or undefined. */
  load(name: 'checkpoint' | 'best'): Promise<Uint8Array | undefined>;
  /** Throws `disk-full` or `io`; what was saved before is then intact. */
  save(name: 'checkpoint' | 'best', bytes: Uint8Array): Promise<void>;
}

/** What a run is besides its tensors. All random draws follow from the seed and the step, so that no generator state is needed. */
export interface RunState {
  /** Optimiser steps done. */
  readonly step: number;
  /** Seconds of the budget that are used up. */
  readonly seconds: number;
  /** Factor on the learning rate; halved each time the loss stopped being a number. */
  readonly rateScale: number;
  readonly averageUpdates: number;
  /** The best validation so far; its weights are in the store's 'best'. */
  readonly best: { readonly step: number; readonly score: number; readonly dice: Readonly<Record<string, number>> } | null;
  readonly curve: readonly CurvePoint[];
  readonly alarms: readonly string[];
  /** What must be the same for the checkpoint to be gone on from. */
  readonly signature: string;
}

export interface Checkpoint {
  readonly state: RunState;
  readonly weights: Weights;
  readonly moments: ReadonlyMap<string, NamedTensor>;
  /** The moving average; absent where the recipe has none. */
  readonly average: Weights | undefined;
}

function prefixed(prefix: string, tensors: ReadonlyMap<string, NamedTensor>): [string, NamedTensor][] {
  return [...tensors].map(([name, tensor]) => [prefix + name, tensor]);
}

function withPrefix(prefix: string, tensors: ReadonlyMap<string, NamedTensor>): Map<string, NamedTensor> {
  return new Map([...tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])));
}

export function encodeCheckpoint({ state, weights, moments, average }: Checkpoint): Uint8Array {
  const tensors = [...prefixed('w/', weights), ...prefixed('o/', moments), ...prefixed('a/', average ?? new Map())];
  return encodeSafetensors(new Map(tensors), { state: JSON.stringify(state) });
}

/** Throws `corrupt` where the bytes are no checkpoint of this application. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  try {
    const { tensors, metadata } = decodeSafetensors(bytes);
    const average = withPrefix('a/', tensors);
    return {
      state: JSON.parse(metadata['state'] ?? '') as RunState,
      weights: withPrefix('w/', tensors), moments: withPrefix('o/', tensors), average: average.size === 0 ? undefined : average,
    };
  } catch (error) {
    throw new StudioError('corrupt', 'The checkpoint of this training is damaged; start the training anew.', { cause: error, detail: String(error) });
  }
}
