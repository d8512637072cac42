import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket as NodeSocket } from 'ws';
import { createClient, type Client } from '#shared/contract/client.ts';
import { socketTransport } from '#renderer/api/connection.ts';
import { MemoryShelf } from '#renderer/api/shelf.ts';
import type { Studio } from '#renderer/stores/studio.svelte.ts';
import { enter, launchWebHost, type RunningWebHost } from '../../support/webHost.ts';
import { testLabels, writePairs } from '../../support/studio.ts';
import { fillDisk } from '../smallDisk.ts';
import { SlowDisk } from './slowDisk.ts';

const casesOfProject = 25;

/** Tools are not what is tried here: a worker that is asked and never answers. */
class IdleWorker {
  onmessage = null;
  onerror = null;
  postMessage = (): void => undefined;
  terminate = (): void => undefined;
}
Object.assign(globalThis, { Worker: IdleWorker, crossOriginIsolated: false });

export interface Window {
  readonly studio: Studio;
  readonly client: Client;
  /** The page is gone. */
  drop(): Promise<void>;
}

/** A real host process with its own data folder, whose project lies on a disk of 8 MB (`disk`), and windows on it. */
export class Bench {
  readonly #folder: string;
  readonly #disk: string;
  readonly #makeStudio: (client: Client, shelf: MemoryShelf) => Studio;
  readonly #slowDisk: SlowDisk | null;
  #host: RunningWebHost | null = null;
  #cookie = '';
  #projects = 0;
  #moves = 0;
  #caseIds: string[] = [];
  project = '';
  full = false;
  failing = false;
  readonly counts = new Map<string, number>();
  /** What the browser of this computer keeps. */
  shelf = new MemoryShelf();

  constructor(folder: string, disk: string, makeStudio: (client: Client, shelf: MemoryShelf) => Studio) {
    this.#folder = folder;
    this.#disk = disk;
    this.#makeStudio = makeStudio;
    mkdirSync(join(folder, 'page'), { recursive: true });
    writeFileSync(join(folder, 'page', 'index.html'), '');
    this.#slowDisk = SlowDisk.in(folder);
  }

  /** Notes what came up, for the row's report. */
  seen(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  get process(): RunningWebHost['process'] {
    if (this.#host === null) throw new Error('no host');
    return this.#host.process;
  }

  async launch(): Promise<void> {
    this.#host = await launchWebHost({
      rendererFolder: join(this.#folder, 'page'),
      dataFolder: join(this.#folder, 'data'),
      ...(this.#slowDisk !== null && { environment: this.#slowDisk.environment }),
    });
    this.#cookie = await enter(this.#host.address);
  }

  /** A window on the project, as far as it can be opened. */
  async openWindow(): Promise<Window> {
    const { origin } = this.#host as RunningWebHost;
    const headers = { cookie: this.#cookie };
    const socket = new NodeSocket(`${origin.replace('http', 'ws')}/contract`, { origin, headers, perMessageDeflate: false });
    socket.on('error', () => undefined); // It closes, too.
    const client = createClient(await socketTransport(socket as unknown as WebSocket));
    const studio = this.#makeStudio(client, this.shelf);
    await studio.begin();
    return {
      studio,
      client,
      drop: async () => {
        socket.terminate();
        await studio.session?.journal.end();
      },
    };
  }

  /** A case that nobody has touched; every so often in a new project, the old one being removed. */
  async freshCase(): Promise<string> {
    if (this.#caseIds.length === 0) {
      const window = await this.openWindow();
      await window.client.projects.close();
      if (this.project !== '') rmSync(this.project, { recursive: true, force: true });
      this.project = join(this.#disk, `project${this.#projects++}`);
      await window.client.projects.create({ path: this.project, name: 'Seam', labels: testLabels });
      const incoming = join(this.#folder, `incoming${this.#projects}`);
      await writePairs(incoming, casesOfProject, 0, [24, 20, 10]);
      const { added } = await window.client.library.import({ sources: [incoming], mode: 'reference' });
      this.#caseIds = [...added];
      await window.drop();
    }
    return this.#caseIds.pop() as string;
  }

  caseFolder(caseId: string): string {
    return join(this.project, 'cases', caseId);
  }

  fill(): void {
    fillDisk(join(this.#disk, 'filler'));
    this.full = true;
  }

  free(): void {
    rmSync(join(this.#disk, 'filler'), { force: true });
    this.full = false;
    this.#slowDisk?.syncFails(false);
    this.failing = false;
  }

  /** Nothing can be written for good; where no disk can be made to fail, everything still can. */
  fail(): void {
    if (this.#slowDisk === null) return;
    this.#slowDisk.syncFails(true);
    this.failing = true;
    this.seen('failing disk');
  }

  /** What is wrong with the disk, as the host names it; null where it is sound. */
  get fault(): 'disk-full' | 'io' | null {
    return this.failing ? 'io' : this.full ? 'disk-full' : null;
  }

  isFault(code: string): boolean {
    return (this.full && code === 'disk-full') || (this.failing && code === 'io');
  }

  /** Each sync of the host's takes so long from now on. */
  syncTakes(milliseconds: number): void {
    this.#slowDisk?.syncTakes(milliseconds);
  }

  /** The project's folder under another name; nobody has it open. */
  move(): void {
    this.seen('project moved');
    const moved = join(this.#disk, `moved${this.#moves++}`);
    renameSync(this.project, moved);
    this.project = moved;
  }

  async kill(): Promise<void> {
    this.seen('kill');
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGKILL');
    await ended;
    // A program whose own settings cannot be written may refuse to start.
    this.#slowDisk?.syncFails(false);
    this.failing = false;
    await this.launch();
  }

  async stop(): Promise<void> {
    await this.#host?.stop();
  }
}
