import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '#main/model/safetensors.ts';
import type { Weights } from '#main/model/weights.ts';

/** Of a second training beside the first, where slices are left out in turn. */
export type CheckpointName = `${'checkpoint' | 'best'}${'' | '-second'}`;

/** Where a training keeps its files; each `save` replaces the file as a whole or not at all. */
export interface CheckpointStore {
  /** The bytes last saved under a name, or undefined. */
  load(name: CheckpointName): Promise<Uint8Array | undefined>;
  /** Throws `disk-full` or `io`; what was saved before is then intact. */
  save(name: CheckpointName, bytes: Uint8Array): Promise<void>;
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
  /** What must be the same for the checkpoint to be resumed. */
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
  const tensors = new Map([...prefixed('w/', weights), ...prefixed('o/', moments), ...prefixed('a/', average ?? new Map())]);
  return encodeSummed(tensors, JSON.stringify(state));
}

/** The weights of the best validation so far. */
export function encodeBest(weights: Weights): Uint8Array {
  return encodeSummed(weights, '');
}

/** Throws `corrupt` as `decodeCheckpoint` does. */
export function decodeBest(bytes: Uint8Array): Weights {
  return decodeSummed(bytes).tensors;
}

function encodeSummed(tensors: ReadonlyMap<string, NamedTensor>, state: string): Uint8Array {
  return encodeSafetensors(tensors, { state, sum: String(sumOf(state, tensors)) });
}

/** Throws `corrupt` where the bytes are not all as they were written. Version 0.1 had no sum. */
function decodeSummed(bytes: Uint8Array): { readonly tensors: ReadonlyMap<string, NamedTensor>; readonly state: string } {
  try {
    const { tensors, metadata } = decodeSafetensors(bytes);
    const { state = '', sum } = metadata;
    if (sum !== undefined && sum !== String(sumOf(state, tensors))) throw new Error('its bytes are not those that were written');
    return { tensors, state };
  } catch (error) {
    throw damaged(error);
  }
}

function damaged(cause: unknown): StudioError {
  return new StudioError('corrupt', 'The checkpoint of this training is damaged; start the training again.', {
    cause,
    detail: String(cause),
  });
}

/** CRC-32 over the state and every tensor. */
function sumOf(state: string, tensors: ReadonlyMap<string, NamedTensor>): number {
  let sum = crc32(state);
  for (const [name, { shape, data }] of tensors) {
    sum = crc32(`${name} ${shape.join()}`, sum);
    sum = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sum);
  }
  return sum;
}

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** What a loop counts with; the rest is for people to read. */
const countable = v.looseObject({
  step: natural,
  seconds: v.pipe(v.number(), v.finite()),
  rateScale: v.pipe(v.number(), v.finite()),
  averageUpdates: natural,
  best: v.nullable(v.looseObject({ step: natural, score: v.number() })),
  curve: v.array(v.looseObject({ step: natural })),
  alarms: v.array(v.string()),
  signature: v.string(),
});

/** Throws `corrupt` where the bytes are no checkpoint of this application, or not all as they were written. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, state } = decodeSummed(bytes);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), countable), state);
  if (!parsed.success) throw damaged(v.summarize(parsed.issues));
  const average = withPrefix('a/', tensors);
  return {
    state: parsed.output as unknown as RunState,
    weights: withPrefix('w/', tensors),
    moments: withPrefix('o/', tensors),
    average: average.size === 0 ? undefined : average,
  };
}
