import { StudioError } from '#shared/base/errors.ts';

/** Who had written last when a session began (`document.open`). */
export interface Base {
  readonly session: string;
  readonly sequence: number;
}

/** Journal records of one session that are not known to be on disk. */
export interface Unsaved {
  /** Folder of the project; empty where nobody knows. */
  readonly project: string;
  readonly caseId: string;
  readonly caseName: string;
  readonly session: string;
  readonly base: Base | null;
  /** Records of the session before these. */
  readonly sequence: number;
  readonly records: readonly Uint8Array[];
  /** Milliseconds since 1970 of the first of them. */
  readonly since: number;
}

/** Where a window puts what is not saved yet, so that it outlives the window. */
export interface Shelf {
  /** Adds the next piece of a session. Rejects where there is no room. */
  put(piece: Unsaved): Promise<void>;
  /** Forgets the pieces of a session that end at `sequence` or before. */
  remove(session: string, sequence: number): Promise<void>;
  /** What is there, one entry a session, oldest first. */
  list(): Promise<readonly Unsaved[]>;
  /** Says that a window has this session, as long as it is there; the result says that it has it no more. */
  hold(session: string): () => void;
  /** Sessions that windows have, this one or others: what they left on the shelf they are still saving. */
  held(): Promise<ReadonlySet<string>>;
}

/** All that windows may leave behind. */
export const shelfBytes = 256 * 2 ** 20;

const sizeOf = ({ records }: Unsaved): number => records.reduce((sum, record) => sum + record.byteLength, 0);
const endOf = ({ sequence, records }: Unsaved): number => sequence + records.length;

/** Throws unless the piece has room beside `bytes` of others. */
function checkRoom(bytes: number, piece: Unsaved): void {
  if (bytes + sizeOf(piece) > shelfBytes) throw new StudioError('unsupported', 'The browser keeps no more than 256 MB of unsaved edits.');
}

/** The pieces of each session as one, up to where one is missing. */
export function joinPieces(pieces: readonly Unsaved[]): readonly Unsaved[] {
  const sessions = new Map<string, Unsaved>();
  for (const piece of pieces.toSorted((a, b) => a.sequence - b.sequence)) {
    const before = sessions.get(piece.session);
    if (before === undefined) sessions.set(piece.session, piece);
    else if (piece.sequence <= endOf(before))
      sessions.set(piece.session, { ...before, records: [...before.records, ...piece.records.slice(endOf(before) - piece.sequence)] });
  }
  return [...sessions.values()].toSorted((a, b) => a.since - b.since);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser’s storage failed.'));
  });
}

/** Rejects where the browser has none or refuses it. */
async function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open('logonet-unsaved', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('pieces', { keyPath: ['session', 'sequence'] });
  return settled(request);
}

const lockPrefix = 'logonet-session ';
const locks = (): LockManager | undefined => navigator.locks as LockManager | undefined;

/** The shelf in the browser's own database, which the windows of one program share. */
export class BrowserShelf implements Shelf {
  readonly #database: Promise<IDBDatabase>;
  /** Of what this window knows to be there. */
  #bytes = 0;

  constructor() {
    this.#database = openDatabase();
    this.#database.catch(() => undefined); // Each use says so.
  }

  async put(piece: Unsaved): Promise<void> {
    checkRoom(this.#bytes, piece);
    await settled((await this.#pieces('readwrite')).put(piece));
    this.#bytes += sizeOf(piece);
  }

  async remove(session: string, sequence: number): Promise<void> {
    const pieces = await this.#pieces('readwrite');
    const all = (await settled(pieces.getAll(IDBKeyRange.bound([session, 0], [session, Infinity])))) as readonly Unsaved[];
    const saved = all.filter((piece) => endOf(piece) <= sequence);
    await Promise.all(saved.map((piece) => settled(pieces.delete([session, piece.sequence]))));
    this.#bytes -= saved.reduce((sum, piece) => sum + sizeOf(piece), 0);
  }

  async list(): Promise<readonly Unsaved[]> {
    const pieces = (await settled((await this.#pieces('readonly')).getAll())) as readonly Unsaved[];
    this.#bytes = pieces.reduce((sum, piece) => sum + sizeOf(piece), 0);
    return joinPieces(pieces);
  }

  hold(session: string): () => void {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    // The browser lets go of it with the window. Where it has no locks, what is being saved is offered as if it were left.
    locks()
      ?.request(lockPrefix + session, () => held)
      .catch(() => undefined);
    return letGo;
  }

  async held(): Promise<ReadonlySet<string>> {
    const { held = [] } = (await locks()?.query()) ?? {};
    return new Set(held.flatMap(({ name }) => (name?.startsWith(lockPrefix) === true ? [name.slice(lockPrefix.length)] : [])));
  }

  async #pieces(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    return (await this.#database).transaction('pieces', mode).objectStore('pieces');
  }
}

/** A shelf that lasts as long as the window: where the browser keeps nothing, and in specs. */
export class MemoryShelf implements Shelf {
  #pieces: readonly Unsaved[] = [];
  readonly #held = new Set<string>();

  put(piece: Unsaved): Promise<void> {
    checkRoom(
      this.#pieces.reduce((sum, each) => sum + sizeOf(each), 0),
      piece,
    );
    this.#pieces = [...this.#pieces.filter((each) => each.session !== piece.session || each.sequence !== piece.sequence), piece];
    return Promise.resolve();
  }

  remove(session: string, sequence: number): Promise<void> {
    this.#pieces = this.#pieces.filter((piece) => piece.session !== session || endOf(piece) > sequence);
    return Promise.resolve();
  }

  list(): Promise<readonly Unsaved[]> {
    return Promise.resolve(joinPieces(this.#pieces));
  }

  hold(session: string): () => void {
    this.#held.add(session);
    return () => this.#held.delete(session);
  }

  held(): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set(this.#held));
  }
}
