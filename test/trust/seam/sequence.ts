import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import { copyPrediction, decodeMask, freePolicy } from '#shared/segmentation/index.ts';
import { MemoryShelf } from '#renderer/api/shelf.ts';
import type { BrushStroke } from '#renderer/stores/editing.svelte.ts';
import type { Bench, Window } from './bench.ts';
import { Intent } from './intent.ts';
import { readCaseFolder } from './readFolder.ts';

export const kinds = [
  'dab',
  'dab',
  'dab',
  'stroke',
  'begin',
  'draw',
  'draw',
  'end',
  'cancel',
  'undo',
  'undo',
  'redo',
  'operation',
  'operation',
  'operation',
  'accept',
  'accept while drawing',
  'reopen',
  'second window',
  'reload',
  'reload while saving',
  'client gone',
  'fill the disk',
  'fill the disk',
  'free the disk',
  'slow the disk',
  'stall the host',
  'move the project',
] as const;

/** What a sequence that may end the host does besides. */
export const restartKinds = [...kinds, 'kill the host', 'kill the host', 'kill the host'] as const;

/** On a disk whose syncs fail now and then. */
const faults = ['fail the disk', 'fail the disk', 'fail the disk', 'free the disk'] as const;
export const failingKinds = [...kinds, ...faults] as const;
export const failingRestartKinds = [...restartKinds, ...faults] as const;

export interface Action {
  readonly kind: (typeof failingRestartKinds)[number];
  readonly x: number;
  readonly label: number;
}

/** Longer than any message takes that comes at all, on a machine that is busy with other things. */
const patienceMilliseconds = 300_000;
/** How many actions a slow disk lasts. */
const slowActions = 3;

/** What a sequence of actions finds out of step; the sequence goes no further. */
export class Divergence extends Error {}

/** One case, worked on in window after window. */
export class Sequence {
  readonly #bench: Bench;
  readonly #caseId: string;
  #window: Window;
  #intent: Intent;
  #stroke: BrushStroke | null = null;
  /** Actions for which the disk stays slow. */
  #slow = 0;

  private constructor(bench: Bench, caseId: string, window: Window, empty: Uint8Array) {
    this.#bench = bench;
    this.#caseId = caseId;
    this.#window = window;
    this.#intent = new Intent(empty);
  }

  static async begin(bench: Bench): Promise<Sequence> {
    bench.shelf = new MemoryShelf();
    const caseId = await bench.freshCase();
    const window = await bench.openWindow();
    await window.studio.openCase(caseId);
    const mask = window.studio.session?.editing.mask.data;
    if (mask === undefined) throw new Error('the case could not be opened');
    return new Sequence(bench, caseId, window, mask.slice());
  }

  async run(actions: readonly Action[]): Promise<void> {
    try {
      for (const [index, action] of actions.entries()) {
        try {
          await this.#act(action);
          await this.#check();
          if (this.#slow > 0 && --this.#slow === 0) this.#bench.syncTakes(0);
        } catch (error) {
          throw new Divergence(
            `after ${actions
              .slice(0, index + 1)
              .map(({ kind }) => kind)
              .join(', ')}: ${String(error instanceof Error ? (error.stack ?? error.message) : error)}`,
          );
        }
      }
      this.#bench.free();
      this.#bench.syncTakes(0);
      await this.#anotherWindow(async () => this.#leave());
      await this.#check();
      await this.#walk();
    } finally {
      this.#bench.free();
      this.#bench.syncTakes(0);
      await this.#leave().catch(() => undefined);
    }
  }

  get #session() {
    return this.#window.studio.session;
  }

  async #act({ kind, x, label }: Action): Promise<void> {
    const { editing, journal } = this.#session ?? {};
    if (kind === 'fill the disk') return this.#bench.full ? undefined : this.#bench.fill();
    if (kind === 'fail the disk') return this.#bench.fail();
    if (kind === 'free the disk') return this.#free();
    if (kind === 'slow the disk') {
      this.#bench.seen('slow disk');
      this.#slow = slowActions + 1;
      return this.#bench.syncTakes(1 + (x % 40));
    }
    if (editing === undefined || journal === undefined) return; // The disk is full, and the case could not be opened.
    const shape = { kind: 'ball', centre: [-9 + (x % 22), -18 + ((x * 7) % 18), 32 + ((x * 3) % 16)], radius: 1 + (x % 4) } as const;
    const draw = (): void => {
      this.#stroke?.dab(shape, label);
      this.#seen();
    };
    const dab = (): void => {
      if (this.#stroke !== null) return draw();
      editing.paintOnce('Dab', shape, label);
      this.#seen();
      this.#intent.step('Dab');
    };
    switch (kind) {
      case 'dab':
        return dab();
      case 'stroke':
      case 'begin':
        if (this.#stroke !== null) return;
        this.#stroke = editing.begin('Brush');
        this.#intent.stroke = 'Brush';
        draw();
        return kind === 'stroke' ? this.#endStroke() : undefined;
      case 'draw':
        return draw();
      case 'end':
        return this.#endStroke();
      case 'cancel':
        if (this.#stroke === null) return;
        this.#stroke.cancel();
        this.#stroke = null;
        return this.#intent.cancel();
      case 'undo':
      case 'redo':
        if (this.#stroke !== null) return;
        editing[kind]();
        return this.#intent.move(kind === 'undo' ? -1 : 1);
      case 'operation': {
        if (this.#stroke !== null) return;
        // Large and scattered: it does not fit into what a full disk has left of the journal's last block.
        const { grid, data } = editing.mask;
        const random = new Random(x);
        const noise = { grid, data: data.map((before) => (random.integer(3) === 0 ? random.integer(3) : before)) };
        editing.apply('Noise', copyPrediction({ volume: { grid, data: data.slice() }, policy: freePolicy }, noise, { replace: true }));
        this.#seen();
        return this.#intent.step('Noise');
      }
      case 'accept':
        return this.#accept(false);
      case 'accept while drawing':
        return this.#accept(true);
      case 'reopen':
        return this.#reopen();
      case 'second window':
        await this.#settle();
        return this.#anotherWindow(async () => undefined, true);
      case 'reload':
        await this.#settle();
        return this.#anotherWindow(() => this.#leave());
      case 'reload while saving':
        dab();
        await pause(x % 8);
        return this.#anotherWindow(() => this.#leave());
      case 'client gone':
        await this.#settle();
        return this.#anotherWindow(() => this.#window.drop());
      case 'stall the host':
        this.#bench.process.kill('SIGSTOP');
        dab();
        await pause(30);
        this.#bench.process.kill('SIGCONT');
        return undefined;
      case 'move the project':
        return this.#move();
      case 'kill the host':
        dab();
        await pause(x % 8);
        return this.#anotherWindow(async () => {
          await this.#leave(this.#bench.kill());
        });
    }
  }

  #seen(): void {
    const mask = this.#session?.editing.mask.data.slice();
    if (mask !== undefined) this.#intent.drawn(mask);
  }

  #endStroke(): void {
    if (this.#stroke === null) return;
    this.#stroke.commit();
    this.#stroke = null;
    this.#intent.finishStroke();
  }

  async #free(): Promise<void> {
    this.#bench.free();
    if (this.#session === null) await this.#open();
  }

  /** All that is handed over is saved, or the disk is full and it lies on the shelf. */
  async #settle(): Promise<void> {
    const journal = this.#session?.journal;
    if (journal === undefined) return;
    try {
      await journal.flush();
      this.#intent.saved();
      if (journal.waiting > 0 || journal.trouble !== null) throw new Divergence('flushed, and the status says that something waits');
    } catch (error) {
      if (!(error instanceof StudioError) || !this.#bench.isFault(error.code)) throw error;
      if (journal.waiting === 0 || journal.trouble?.passing !== true) throw new Divergence('not saved, and the status says that it is');
      await journal.shelve();
    }
  }

  /** As the page does when it goes. */
  async #leave(meanwhile?: Promise<void>): Promise<void> {
    await meanwhile;
    await this.#session?.journal.shelve();
    await this.#window.drop();
  }

  async #anotherWindow(leave: () => Promise<unknown>, beside = false): Promise<void> {
    const before = this.#window;
    await leave();
    this.#stroke = null;
    this.#intent.finishStroke();
    this.#window = await this.#bench.openWindow();
    await this.#open();
    this.#bench.seen('window');
    if (!beside) return;
    const end = Date.now() + patienceMilliseconds;
    while (this.#session !== null && before.studio.session !== null) {
      if (Date.now() > end) throw new Divergence('the window that lost the case was not told');
      await pause(5);
    }
    await before.drop();
  }

  async #open(): Promise<void> {
    const { studio, client } = this.#window;
    if (studio.project === null) await studio.openProject(this.#bench.project);
    if (studio.project !== null) await studio.openCase(this.#caseId);
    if (this.#session === null && this.#bench.fault === null) {
      const said = studio.activities.messages.map(({ text }) => text).join(' ');
      throw new Divergence(`the case cannot be opened: ${said} (project ${String((await client.projects.current()).project?.path)})`);
    }
  }

  async #reopen(): Promise<void> {
    const { studio } = this.#window;
    this.#stroke = null;
    this.#intent.finishStroke();
    const closing = studio.closeCase();
    await this.#answerLeaving(closing);
    await this.#open();
  }

  /** Whether to leave is asked where something is unsaved, and nowhere else. */
  async #answerLeaving(closing: Promise<void>): Promise<void> {
    let closed = false;
    void closing.finally(() => {
      closed = true;
    });
    while (!closed) {
      const answer = this.#window.studio.unsaved.leaving;
      if (answer !== null) {
        if (this.#bench.fault === null) throw new Divergence('asked whether to leave, and nothing keeps it from being saved');
        answer(true);
      }
      await pause(1);
    }
    await closing;
  }

  async #accept(drawing: boolean): Promise<void> {
    const session = this.#session;
    if (session === null) return;
    await this.#settle();
    const frozen = this.#intent.mask;
    const accepting = session.accept(true).then(
      () => null,
      (error: unknown) => error,
    );
    if (drawing && this.#stroke === null) {
      await Promise.resolve();
      session.editing.paintOnce('Dab', { kind: 'ball', centre: [0, -10, 40], radius: 2 }, 1);
      this.#seen();
      this.#intent.step('Dab');
    }
    const refused = await accepting;
    if (refused !== null) {
      const code = refused instanceof StudioError ? refused.code : String(refused);
      this.#bench.seen(`accept refused: ${code}`);
      const busy = this.#stroke !== null || drawing || this.#bench.fault !== null;
      if (!this.#bench.isFault(code) && !(busy && code === 'conflict')) throw new Divergence(`not accepted: ${String(refused)}`);
      return;
    }
    this.#bench.seen('accepted');
    const drawn = frozen !== this.#intent.mask && Buffer.compare(frozen, this.#intent.mask) !== 0;
    await this.#settle();
    const status = (await this.#window.client.library.list({ limit: 200 })).cases.find(({ id }) => id === this.#caseId)?.status;
    const wanted = drawn ? ['inCorrection'] : ['accepted'];
    const folder = join(this.#bench.caseFolder(this.#caseId), 'revisions');
    const revisions = readdirSync(folder).map((name) => decodeMask(readFileSync(join(folder, name))).data as Uint8Array);
    // A dab may have come before the copy was made, in which case it is in the revision and on disk.
    const kept = revisions.some((mask) => Buffer.compare(mask, frozen) === 0);
    if (!kept) throw new Divergence('the revision is not the mask that was accepted');
    if (this.#bench.fault === null && !wanted.includes(status ?? ''))
      throw new Divergence(`accepted, drawn ${String(drawn)}: the status is ${String(status)}`);
  }

  async #move(): Promise<void> {
    if (this.#bench.fault !== null) return;
    this.#stroke = null;
    this.#intent.finishStroke();
    await this.#answerLeaving(this.#window.studio.closeProject());
    this.#bench.move();
    await this.#open();
  }

  /** What is shown is what was done; what is saved is on disk. */
  async #check(): Promise<void> {
    await this.#settle();
    const session = this.#session;
    if (session === null) return this.#bench.seen('not opened');
    const { names, done } = session.editing.history();
    const shown = this.#intent.difference({ mask: session.editing.mask.data, steps: names, done }, this.#stroke !== null);
    if (shown !== null) throw new Divergence(`the window: ${shown}`);
    const disk = readCaseFolder(join(this.#bench.caseFolder(this.#caseId), 'document'));
    if (session.journal.waiting > 0) {
      this.#bench.seen('unsaved');
      if (!this.#intent.knows(disk.mask)) throw new Divergence('the disk holds a mask that never was');
      return;
    }
    const stored = this.#intent.difference(disk, disk.stroking || this.#stroke !== null);
    if (stored !== null) throw new Divergence(`the disk: ${stored}`);
    if (this.#window.studio.unsaved.left.length > 0) throw new Divergence('all is saved, and edits are offered as unsaved');
  }

  /** Every step can be taken back. */
  async #walk(): Promise<void> {
    for (let n = this.#intent.done; n > 0; n--) {
      this.#session?.editing.undo();
      this.#intent.move(-1);
    }
    await this.#check();
    await this.#window.studio.closeCase();
  }
}
