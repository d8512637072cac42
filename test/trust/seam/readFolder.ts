/** Reads a case's mask and history from its folder without the document room: its own view of snapshot and journal (docs/explanation/segmentation.md). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, inflateRawSync } from 'node:zlib';
import { ByteReader } from '#shared/segmentation/bytes.ts';
import { decodeHistory, decodeMask, decodeRecord, type Delta } from '#shared/segmentation/index.ts';
import { forEachRun } from '#shared/segmentation/delta.ts';

export interface OnDisk {
  readonly mask: Uint8Array;
  readonly steps: readonly string[];
  readonly done: number;
  readonly stroking: boolean;
}

function numbers(folder: string, pattern: RegExp): number[] {
  return readdirSync(folder)
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number);
}

function* frames(path: string): Generator<Buffer> {
  const bytes = readFileSync(path);
  for (let at = 0; at + 8 <= bytes.length;) {
    const payload = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at));
    if (crc32(payload) !== bytes.readUInt32LE(at + 4)) return;
    yield payload;
    at += 8 + payload.length;
  }
}

export function readCaseFolder(folder: string): OnDisk {
  const generation = Math.max(...numbers(folder, /^mask\.(\d+)\.snapshot$/));
  const file = new ByteReader(readFileSync(join(folder, `mask.${generation}.snapshot`)));
  file.uint32();
  file.byte();
  file.varint();
  const body = new ByteReader(inflateRawSync(file.block()));
  const mask = decodeMask(body.block()).data as Uint8Array;
  const before = decodeHistory(body.block());
  const edits = [...before.edits];
  let done = before.done;
  let stroke: Delta[] = [];
  const put = (delta: Delta, back: boolean): void =>
    forEachRun(delta, (start, end, from, to) => {
      for (let at = start; at < end; at++) {
        if (mask[at] !== (back ? to : from)) throw new Error(`the journal of ${folder} does not fit its mask`);
        mask[at] = back ? from : to;
      }
    });
  const [, ...records] = frames(join(folder, `journal.${generation}.log`));
  for (const payload of records) {
    if (payload[0] === 0xff) continue;
    const record = decodeRecord(payload);
    if (record.kind === 'partial') {
      put(record.edit.delta, false);
      stroke.push(record.edit.delta);
      continue;
    }
    for (const delta of stroke.toReversed()) put(delta, true);
    stroke = [];
    if (record.kind === 'edit') {
      put(record.edit.delta, false);
      edits.splice(done++, Infinity, record.edit);
    } else if (record.kind === 'undo') put((edits[--done] as (typeof edits)[number]).delta, true);
    else if (record.kind === 'redo') put((edits[done++] as (typeof edits)[number]).delta, false);
  }
  return { mask, steps: edits.map(({ name }) => name), done, stroking: stroke.length > 0 };
}
