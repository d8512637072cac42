import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StudioError } from '#shared/base/errors.ts';
import { voxelCount, type Grid, type LabelVolume } from '#shared/geometry/grid.ts';
import { ByteReader, ByteWriter } from '#shared/segmentation/bytes.ts';
import { applyDelta, decodeRecord, encodeMask, fits, mergeDeltas, revertDelta, type DocumentRecord, type Edit, type History } from '#shared/segmentation/index.ts';
import { removeUnfinished } from '#main/files/atomicFile.ts';
import { readJournal } from './journal.ts';
import { readSnapshot, type Snapshot } from './snapshot.ts';

/** What was brought back after the application had stopped without closing the case. */
export interface Recovery {
  readonly caseId: string;
  /** When the last recovered change was made, milliseconds since 1970. */
  readonly at: number;
  /** Changes (edits, undos and redos) that no snapshot held. */
  readonly changes: number;
  /** Name of a stroke that was still being drawn, or null. */
  readonly unfinished: string | null;
  readonly droppedBytes: number;
  /** For the person. */
  readonly sentence: string;
}

export const snapshotPath = (folder: string, generation: number): string => join(folder, `mask.${generation}.snapshot`);
export const journalPath = (folder: string, generation: number): string => join(folder, `journal.${generation}.log`);

export function journalHeader(caseId: string, maskChecksum: number): Uint8Array {
  const out = new ByteWriter();
  out.text('logonet-journal-1');
  out.text(caseId);
  out.uint32(maskChecksum);
  return out.finish();
}

function headerChecksum(header: Uint8Array): number | null {
  try {
    const input = new ByteReader(header);
    if (input.text() !== 'logonet-journal-1') return null;
    input.text();
    return input.uint32();
  } catch {
    return null;
  }
}

/** Generations of which the folder holds a snapshot or a journal, newest first; leftovers of interrupted writes are removed. */
export async function generationsIn(folder: string): Promise<{ snapshots: number[]; journals: number[] }> {
  await removeUnfinished(folder);
  const names = await readdir(folder);
  const numbers = (pattern: RegExp): number[] =>
    names.flatMap((name) => { const match = pattern.exec(name); return match === null ? [] : [Number(match[1])]; }).sort((a, b) => b - a);
  return { snapshots: numbers(/^mask\.(\d{1,9})\.snapshot$/), journals: numbers(/^journal\.(\d{1,9})\.log$/) };
}

export interface Restored {
  readonly snapshot: Snapshot;
  /** Generation of the journal to go on with. */
  readonly generation: number;
  /** Sound bytes of that journal; null where it cannot be gone on with. */
  readonly journalLength: number | null;
  readonly recovery: Recovery | null;
  /** The stroke that was still being drawn, already in the mask but not yet in the history. */
  readonly unfinished: Edit | null;
}

/** The newest sound snapshot with every sound record of the journals behind it. Null for an empty folder. Throws `corrupt` where no snapshot is sound. */
export async function restore(folder: string, caseId: string, grid: Grid): Promise<Restored | null> {
  const { snapshots, journals } = await generationsIn(folder);
  if (snapshots.length === 0 && journals.length === 0) return null;
  const base = await newestSound(folder, snapshots, grid);
  const replay = new Replay(base.snapshot);
  let { generation } = base;
  let journalLength: number | null = null;
  let droppedBytes = 0;
  let damaged = false;
  for (let n = base.generation; n === base.generation || journals.includes(n); n++) {
    if (!journals.includes(n)) continue;
    const content = await readJournal(journalPath(folder, n));
    const expected = n === base.generation ? base.snapshot.maskChecksum : crc32(encodeMask(base.snapshot.volume));
    if (content.damagedInside) await keepDamaged(folder, n);
    damaged ||= content.damagedInside;
    // With a damaged header, only what lies beside its snapshot is sure to belong there.
    const belongs = content.header === null ? n === base.generation : headerChecksum(content.header) === expected;
    if (!belongs) break;
    const sound = replay.run(content.payloads);
    const length = content.length - content.payloads.slice(sound).reduce((sum, payload) => sum + payload.length + 8, 0);
    generation = n;
    journalLength = content.header === null ? null : length;
    droppedBytes += content.droppedBytes + (content.length - length);
    if (sound < content.payloads.length) break;
  }
  const unfinished = replay.finishStroke();
  const recovery = replay.changes === 0 && unfinished === null && !damaged ? null : describe(caseId, replay, unfinished, droppedBytes, damaged);
  return { snapshot: base.snapshot, generation, journalLength, recovery, unfinished };
}

// What is dropped goes on being there, for whoever wants to look into it.
async function keepDamaged(folder: string, generation: number): Promise<void> {
  await copyFile(journalPath(folder, generation), join(folder, `damaged.${generation}.${Date.now()}.log`));
}

async function newestSound(folder: string, snapshots: readonly number[], grid: Grid): Promise<{ snapshot: Snapshot; generation: number }> {
  for (const generation of snapshots) {
    try {
      const snapshot = await readSnapshot(snapshotPath(folder, generation), voxelCount(grid));
      if (snapshot.volume.data.length === voxelCount(grid)) return { snapshot, generation };
    } catch (error) {
      if (!(error instanceof StudioError) || error.code === 'io' || error.code === 'internal') throw error;
    }
  }
  throw new StudioError('corrupt', 'The saved mask of this case is damaged and was left as it is. Start again from its last accepted version or from the prediction.', { detail: folder });
}

/** Plays records onto a mask and its history. */
class Replay {
  changes = 0;
  at = 0;
  readonly #volume: LabelVolume;
  readonly #history: History;
  #partials: Edit[] = [];

  constructor({ volume, history }: Snapshot) {
    this.#volume = volume;
    this.#history = history;
  }

  /** How many payloads could be played; stops at the first that does not fit. */
  run(payloads: readonly Uint8Array[]): number {
    for (const [index, payload] of payloads.entries()) {
      try {
        if (!this.#play(decodeRecord(payload))) return index;
      } catch (error) {
        if (error instanceof StudioError && error.code === 'corrupt') return index;
        throw error;
      }
    }
    return payloads.length;
  }

  #play(record: DocumentRecord): boolean {
    if (record.kind === 'partial') {
      if (!fits(this.#volume, record.edit.delta)) return false;
      applyDelta(this.#volume, record.edit.delta);
      this.#partials.push(record.edit);
      return true;
    }
    this.#dropStroke();
    if (record.kind === 'cancel') return true;
    if (record.kind === 'edit') {
      if (!fits(this.#volume, record.edit.delta)) return false;
      applyDelta(this.#volume, record.edit.delta);
      this.#history.push(record.edit);
    } else {
      const edit = record.kind === 'undo' ? this.#history.undo() : this.#history.redo();
      if (edit === null) return false;
      if (record.kind === 'undo') revertDelta(this.#volume, edit.delta);
      else applyDelta(this.#volume, edit.delta);
    }
    this.changes++;
    this.at = 'edit' in record ? record.edit.at : record.at;
    return true;
  }

  #dropStroke(): void {
    for (const partial of this.#partials.toReversed()) revertDelta(this.#volume, partial.delta);
    this.#partials = [];
  }

  /** The open stroke as one edit, pushed onto the history; null when there is none. */
  finishStroke(): Edit | null {
    const last = this.#partials.at(-1);
    if (last === undefined) return null;
    const delta = mergeDeltas(this.#partials.map((partial) => partial.delta));
    if (delta.changed === 0) return null;
    const edit: Edit = { name: last.name, at: last.at, delta };
    this.at = last.at;
    this.#history.push(edit);
    return edit;
  }
}

function describe(caseId: string, replay: Replay, unfinished: Edit | null, droppedBytes: number, damaged: boolean): Recovery {
  const changes = replay.changes === 1 ? '1 change' : `${replay.changes} changes`;
  const stroke = unfinished === null ? '' : ` The last one, “${unfinished.name}”, was not finished; undo takes it back.`;
  const dropped = damaged ? ' The journal was damaged: later changes may be missing, and a copy of it is kept beside the mask.' : droppedBytes === 0 ? '' : ' Its very end was damaged and left out.';
  const at = replay.at === 0 ? Date.now() : replay.at;
  const time = new Date(at).toISOString().replace('T', ' ').slice(0, 19);
  const sentence = `The application had stopped without closing this case. Everything up to ${time} UTC was brought back: ${changes}${unfinished === null ? '' : ' and an open stroke'}.${stroke}${dropped}`;
  return { caseId, at, changes: replay.changes, unfinished: unfinished?.name ?? null, droppedBytes, sentence };
}
