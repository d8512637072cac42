/**
 * One message is one frame: magic, JSON length, buffer count, buffer lengths (u32 little-endian), the JSON, then the buffers, each at
 * a multiple of eight bytes. In the JSON a buffer stands as `{"$bytes": index}`. Both hosts and the window use this same codec.
 */
import { StudioError, type WireError } from '../base/errors.ts';
import type { Progress } from '../base/progress.ts';

export type ClientMessage =
  | { readonly kind: 'call'; readonly id: number; readonly service: string; readonly method: string; readonly input: unknown }
  | { readonly kind: 'cancel'; readonly id: number }
  /** The caller has consumed `count` streamed items: the server may send as many more. */
  | { readonly kind: 'taken'; readonly id: number; readonly count: number };

export type ServerMessage =
  | { readonly kind: 'result'; readonly id: number; readonly output: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly kind: 'item'; readonly id: number; readonly item: unknown }
  | { readonly kind: 'event'; readonly name: string; readonly payload: unknown };

export interface FrameLimits {
  readonly frameBytes: number;
  readonly jsonBytes: number;
  readonly buffers: number;
  /** Nesting of objects and arrays. */
  readonly depth: number;
  /** Values in the whole message. */
  readonly values: number;
}

/** What a host accepts from a window. */
export const requestLimits: FrameLimits = { frameBytes: 512 << 20, jsonBytes: 8 << 20, buffers: 256, depth: 16, values: 400_000 };
/** What a window accepts from its host. */
export const responseLimits: FrameLimits = { frameBytes: 1 << 30, jsonBytes: 256 << 20, buffers: 1024, depth: 24, values: 20_000_000 };

const magic = 0x314e474c; // "LGN1"
const bufferKey = '$bytes';
const align = (length: number): number => (length + 7) & ~7;

export function encodeFrame(message: ClientMessage | ServerMessage): Uint8Array<ArrayBuffer> {
  const buffers: Uint8Array[] = [];
  const json = new TextEncoder().encode(
    JSON.stringify(message, function replace(this: unknown, _key, value: unknown) {
      // An object whose prototype is an array of bytes is not one.
      if (!(ArrayBuffer.isView(value) && value instanceof Uint8Array)) {
        if (typeof value === 'object' && value !== null && Object.hasOwn(value, bufferKey))
          throw malformed(`the key ${bufferKey} is taken`);
        return value;
      }
      buffers.push(value);
      return { [bufferKey]: buffers.length - 1 };
    }),
  );
  const headerBytes = 12 + 4 * buffers.length;
  const total = buffers.reduce((sum, buffer) => sum + align(buffer.byteLength), align(headerBytes + json.byteLength));
  const frame = new Uint8Array(total);
  const view = new DataView(frame.buffer);
  [magic, json.byteLength, buffers.length, ...buffers.map((buffer) => buffer.byteLength)].forEach((word, i) =>
    view.setUint32(4 * i, word, true),
  );
  frame.set(json, headerBytes);
  let offset = align(headerBytes + json.byteLength);
  for (const buffer of buffers) {
    frame.set(buffer, offset);
    offset += align(buffer.byteLength);
  }
  return frame;
}

/** The message as it came, binary data in place (views of the frame, not copies); `invalid-argument` for anything else than a frame within the limits. */
export function decodeFrame(frame: Uint8Array, limits: FrameLimits): unknown {
  const aligned = frame.byteOffset % 8 === 0 ? frame : frame.slice();
  const { json, buffers } = splitFrame(aligned, limits);
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (cause) {
    throw malformed('not JSON', cause);
  }
  const budget = { left: limits.values };
  return restore(message, buffers, limits.depth, budget);
}

/** Whether a frame's size lies within the limits of who is going to read it. */
export function fitsWithin(frame: Uint8Array, limits: FrameLimits): boolean {
  try {
    splitFrame(frame, limits);
    return true;
  } catch {
    return false;
  }
}

/** The call that a frame belongs to, where its message cannot be accepted but its number can be read; else −1. */
export function callIdOf(frame: Uint8Array, limits: FrameLimits): number {
  try {
    const { json } = splitFrame(frame.byteOffset % 8 === 0 ? frame : frame.slice(), limits);
    const message: unknown = JSON.parse(new TextDecoder().decode(json));
    return typeof message === 'object' && message !== null && 'id' in message && Number.isSafeInteger(message.id)
      ? (message.id as number)
      : -1;
  } catch {
    return -1;
  }
}

function splitFrame(frame: Uint8Array, limits: FrameLimits): { json: Uint8Array; buffers: Uint8Array[] } {
  if (frame.byteLength < 12 || frame.byteLength > limits.frameBytes) throw malformed(`frame of ${String(frame.byteLength)} bytes`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const [jsonBytes, count] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (view.getUint32(0, true) !== magic) throw malformed('wrong magic');
  if (count > limits.buffers || jsonBytes > limits.jsonBytes) throw malformed('beyond the limits');
  const headerBytes = 12 + 4 * count;
  if (headerBytes + jsonBytes > frame.byteLength) throw malformed('truncated');
  const buffers: Uint8Array[] = [];
  let offset = align(headerBytes + jsonBytes);
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(12 + 4 * i, true);
    if (offset + length > frame.byteLength) throw malformed('truncated');
    buffers.push(frame.subarray(offset, offset + length));
    offset += align(length);
  }
  return { json: frame.subarray(headerBytes, headerBytes + jsonBytes), buffers };
}

/** Puts buffers back in place and enforces depth, size and harmless keys. */
function restore(value: unknown, buffers: readonly Uint8Array[], depth: number, budget: { left: number }): unknown {
  if (--budget.left < 0) throw malformed('too many values');
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) throw malformed('nested too deeply');
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = restore(value[i], buffers, depth - 1, budget);
    return value;
  }
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record);
  if (keys.length === 1 && keys[0] === bufferKey) {
    const buffer = typeof record[bufferKey] === 'number' ? buffers[record[bufferKey]] : undefined;
    if (buffer === undefined) throw malformed('no such buffer');
    return buffer;
  }
  for (const key of keys) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') throw malformed('forbidden key');
    record[key] = restore(record[key], buffers, depth - 1, budget);
  }
  return record;
}

function malformed(detail: string, cause?: unknown): StudioError {
  return new StudioError('invalid-argument', 'The message between window and application was malformed.', { detail, cause });
}
