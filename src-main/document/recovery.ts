import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StudioError } from '#shared/base/errors.ts';
import { localTime } from '#shared/base/localTime.ts';
import { voxelCount, type Grid } from '#shared/geometry/grid.ts';
import { ByteReader, ByteWriter } from '#shared/segmentation/bytes.ts';
import { decodeRecord, encodeMask, RecordPlayer, type DocumentRecord } from '#shared/segmentation/index.ts';
import { removeUnfinished } from '#main/files/atomicFile.ts';
import { readJournal } from './journalFile.ts';
import { readSnapshot, type Snapshot } from './snapshot.ts';
import { decodeWriter, type Writer } from './writer.ts';

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

/** Generations of which the folder holds a snapshot or a journal, newest first. */
export async function generationsIn(folder: string): Promise<{ snapshots: number[]; journals: number[] }> {
  const names = await readdir(folder);
  const numbers = (pattern: RegExp): number[] =>
    names
      .flatMap((name) => {
        const match = pattern.exec(name);
        return match === null ? [] : [Number(match[1])];
      })
      .sort((a, b) => b - a);
  return { snapshots: numbers(/^mask\.(\d{1,9})\.snapshot$/), journals: numbers(/^journal\.(\d{1,9})\.log$/) };
}

export interface Restored {
  /** Mask, history and the stroke that was still being drawn. */
  readonly player: RecordPlayer;
  readonly writer: Writer | null;
  /** Of the snapshot's mask. */
  readonly maskChecksum: number;
  /** Generation of the journal to go on with. */
  readonly generation: number;
  /** Sound bytes of that journal; null where it cannot be gone on with. */
  readonly journalLength: number | null;
  readonly recovery: Recovery | null;
}

/**
 * The newest sound snapshot with every sound record of the journals behind it. Null for an empty folder. Throws `corrupt` where no snapshot is
 * sound. Leftovers of interrupted writes are removed, and damaged journals kept, unless the folder is only read.
 */
export async function restore(
  folder: string,
  caseId: string,
  grid: Grid,
  { onlyReads = false }: { readonly onlyReads?: boolean } = {},
): Promise<Restored | null> {
  if (!onlyReads) await removeUnfinished(folder);
  const { snapshots, journals } = await generationsIn(folder);
  if (snapshots.length === 0 && journals.length === 0) return null;
  const base = await newestSound(folder, snapshots, grid);
  const { maskChecksum } = base.snapshot;
  const replay = new Replay(base.snapshot);
  const { player } = replay;
  let { generation } = base;
  let journalLength: number | null = null;
  let droppedBytes = 0;
  let damaged = false;
  for (let n = base.generation; n === base.generation || journals.includes(n); n++) {
    if (!journals.includes(n)) continue;
    const content = await readJournal(journalPath(folder, n));
    const expected = n === base.generation ? maskChecksum : crc32(player.withoutStroke(() => encodeMask(player.volume)));
    if (content.damagedInside && !onlyReads) await keepDamaged(folder, n);
    damaged ||= content.damagedInside;
    // With a damaged header, only what lies beside its snapshot is sure to belong there.
    const belongs = content.header === null ? n === base.generation : headerChecksum(content.header) === expected;
    if (!belongs) break;
    // It begins with the stroke that its snapshot leaves out.
    if (n > base.generation) replay.leaveStroke();
    const sound = replay.run(content.payloads);
    const length = content.length - content.payloads.slice(sound).reduce((sum, payload) => sum + payload.length + 8, 0);
    generation = n;
    journalLength = content.header === null ? null : length;
    droppedBytes += content.droppedBytes + (content.length - length);
    if (sound < content.payloads.length) break;
  }
  const recovery = replay.changes === 0 && player.stroke.length === 0 && !damaged ? null : describe(caseId, replay, droppedBytes, damaged);
  return { player, writer: replay.writer, maskChecksum, generation, journalLength, recovery };
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
  throw new StudioError(
    'corrupt',
    'The saved mask of this case is damaged and was left as it is. Start again from its last accepted version or from the prediction.',
    { detail: folder },
  );
}

/** Plays payloads for as long as they fit, and counts. */
class Replay {
  changes = 0;
  at = 0;
  writer: Writer | null = null;
  readonly player: RecordPlayer;

  constructor({ volume, history }: Snapshot) {
    this.player = new RecordPlayer(volume, history);
  }

  /** How many payloads could be played; stops at the first that does not fit. */
  run(payloads: readonly Uint8Array[]): number {
    for (const [index, payload] of payloads.entries()) {
      try {
        const writer = decodeWriter(payload);
        if (writer === null) this.#play(decodeRecord(payload));
        else this.writer = writer;
      } catch (error) {
        if (error instanceof StudioError && (error.code === 'corrupt' || error.code === 'conflict')) return index;
        throw error;
      }
    }
    return payloads.length;
  }

  leaveStroke(): void {
    this.player.play([{ kind: 'cancel', at: 0 }]);
  }

  #play(record: DocumentRecord): void {
    this.player.play([record]);
    if (this.writer !== null) this.writer = { ...this.writer, sequence: this.writer.sequence + 1 };
    if (record.kind === 'cancel') return;
    this.at = 'edit' in record ? record.edit.at : record.at;
    if (record.kind !== 'partial') this.changes++;
  }
}

function describe(caseId: string, replay: Replay, droppedBytes: number, damaged: boolean): Recovery {
  const unfinished = replay.player.stroke.at(-1)?.name ?? null;
  const changes = replay.changes === 1 ? '1 change' : `${replay.changes} changes`;
  const stroke = unfinished === null ? '' : ` The last one, “${unfinished}”, was not finished; undo takes it back.`;
  const dropped = damaged
    ? ' The journal was damaged: later changes may be missing, and a copy of it is kept beside the mask.'
    : droppedBytes === 0
      ? ''
      : ' Its very end was damaged and left out.';
  const at = replay.at === 0 ? Date.now() : replay.at;
  const sentence = `The application had stopped without closing this case. Everything up to ${localTime(at)} was brought back: ${changes}${unfinished === null ? '' : ' and an open stroke'}.${stroke}${dropped}`;
  return { caseId, at, changes: replay.changes, unfinished, droppedBytes, sentence };
}
