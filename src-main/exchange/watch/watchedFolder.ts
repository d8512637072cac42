import { join } from 'node:path';
import * as v from 'valibot';
import { JsonStore } from '#main/files/jsonStore.ts';
import { FolderWatch, type Arrival, type FolderLook } from './folderWatch.ts';

const stored = v.object({
  /** That is watched while the project is open; null: none. */
  folder: v.nullable(v.string()),
  /** By folder. */
  known: v.record(v.string(), v.record(v.string(), v.string())),
});

/** What a project remembers of the folder that it watches: which, and what of it was imported or dismissed. */
export class WatchMemory {
  readonly #store: JsonStore<typeof stored>;

  constructor(projectFolder: string) {
    this.#store = new JsonStore(join(projectFolder, 'watch.json'), stored, { folder: null, known: {} }, { makesFolder: false });
  }

  get folder(): string | null {
    return this.#store.value.folder;
  }

  known(folder: string): FolderLook {
    return new Map(Object.entries(Object.hasOwn(this.#store.value.known, folder) ? (this.#store.value.known[folder] ?? {}) : {}));
  }

  async watch(folder: string | null): Promise<void> {
    if (folder !== this.folder) await this.#store.set({ ...this.#store.value, folder });
  }

  async seen(folder: string, look: FolderLook): Promise<void> {
    const { known } = this.#store.value;
    await this.#store.set({ ...this.#store.value, known: { ...known, [folder]: Object.fromEntries([...this.known(folder), ...look]) } });
  }
}

const leastPauseMs = 5000;
const quietSeconds = 30;

/** Watches the folder of an open project, and tells of what arrived once it is quiet. */
export class WatchedFolder {
  readonly #memory: WatchMemory;
  readonly #arrived: (arrival: Arrival | null) => void;
  readonly #times: { readonly pauseMs: number; readonly quietSeconds: number };
  #watch: FolderWatch | null = null;
  #timer: NodeJS.Timeout | null = null;
  #arrival: Arrival | null = null;
  #closed = false;

  constructor(
    projectFolder: string,
    arrived: (arrival: Arrival | null) => void,
    times: { readonly pauseMs: number; readonly quietSeconds: number } = { pauseMs: leastPauseMs, quietSeconds },
    { looks = true } = {},
  ) {
    this.#memory = new WatchMemory(projectFolder);
    this.#arrived = arrived;
    this.#times = times;
    if (looks) this.#begin();
  }

  get folder(): string | null {
    return this.#memory.folder;
  }

  /** What arrived and was not looked at yet. */
  get arrival(): Arrival | null {
    return this.#arrival;
  }

  async watch(folder: string | null): Promise<void> {
    await this.#memory.watch(folder);
    this.#tell(null);
    this.#begin();
  }

  /** What arrived was imported, or is not wanted. */
  async seen(): Promise<void> {
    const arrival = this.#arrival;
    if (arrival === null) return;
    await this.#memory.seen(arrival.folder, arrival.look);
    this.#watch?.seen(arrival.look);
    this.#tell(null);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #begin(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { folder } = this.#memory;
    this.#watch =
      folder === null ? null : new FolderWatch(folder, { quietSeconds: this.#times.quietSeconds, known: this.#memory.known(folder) });
    if (this.#watch !== null) void this.#look(this.#watch);
  }

  /** A folder that takes long to look at is looked at less often. */
  async #look(watch: FolderWatch): Promise<void> {
    const start = performance.now();
    const arrival = await watch.look().catch(() => null);
    if (this.#closed || watch !== this.#watch) return;
    if (arrival !== null && arrival.files !== this.#arrival?.files) this.#tell(arrival);
    this.#timer = setTimeout(() => void this.#look(watch), Math.max(this.#times.pauseMs, 10 * (performance.now() - start)));
    this.#timer.unref();
  }

  #tell(arrival: Arrival | null): void {
    if (arrival === null && this.#arrival === null) return;
    this.#arrival = arrival;
    this.#arrived(arrival);
  }
}

/** What a window is told of an arrival. */
export function toArrival({ folder, files, sources }: Arrival): Omit<Arrival, 'look'> {
  return { folder, files, sources };
}
