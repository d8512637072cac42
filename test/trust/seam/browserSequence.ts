import type { Random } from '#shared/base/random.ts';
import { until, type BrowserBench } from './browserBench.ts';
import { readCaseFolder } from './readFolder.ts';

export const browserActions = [
  'stroke',
  'stroke',
  'stroke',
  'undo',
  'redo',
  'reload',
  'reload in mid-stroke',
  'kill the host',
  'kill the host in mid-stroke',
  'crash the window',
  'fill the disk',
  'free the disk',
  'close the project and open it',
] as const;

/** A stroke that has been drawn for longer is never lost whole. */
const certainMilliseconds = 1000;
/** Places for strokes, side by side, so that each changes something. */
const columns = 6;

/** One case in a browser, drawn in by mouse; what it should hold is known by its steps, and by the mask that each step was first saved with. */
export class BrowserSequence {
  readonly #bench: BrowserBench;
  readonly #name: string;
  #steps: number[] = [];
  #done = 0;
  /** Masks by the strokes in force, as they were first saved. */
  readonly #masks = new Map<string, string>();
  #strokes = 0;
  #open = false;
  readonly seen = new Map<string, number>();

  constructor(bench: BrowserBench, name: string) {
    this.#bench = bench;
    this.#name = name;
  }

  /** Throws what is out of step, with what was done before. */
  async run(random: Random, length: number): Promise<void> {
    const did: string[] = [];
    try {
      await this.#reopen();
      await this.#bench.desk.page.keyboard.press('b');
      for (let n = 0; n < length; n++) {
        const action = browserActions[random.integer(browserActions.length)] as (typeof browserActions)[number];
        did.push(action);
        this.seen.set(action, (this.seen.get(action) ?? 0) + 1);
        await this.#act(action, random);
        await this.#check();
      }
      this.#bench.free();
      await this.#leaveAndReturn(() => this.#bench.reload());
      await this.#check();
      if (!this.#open) throw new Error('the case cannot be opened');
      while (this.#done > 0) await this.#undo();
      await this.#check();
    } catch (error) {
      throw new Error(`${did.join(', ')}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, { cause: error });
    } finally {
      this.#bench.free();
    }
  }

  async #act(action: (typeof browserActions)[number], random: Random): Promise<void> {
    const { desk } = this.#bench;
    if (action === 'fill the disk') return this.#bench.fill();
    if (action === 'free the disk') {
      this.#bench.free();
      if (!this.#open) await this.#reopen();
      return;
    }
    if (!this.#open) return;
    switch (action) {
      case 'stroke':
        await this.#drawTo(random.integer(3));
        await desk.page.mouse.up();
        return this.#stroke();
      case 'undo':
        return this.#done > 0 ? this.#undo() : undefined;
      case 'redo':
        if (this.#done === this.#steps.length) return;
        await desk.page.keyboard.press('Control+Shift+z');
        this.#done++;
        return;
      case 'reload':
        return this.#leaveAndReturn(() => this.#bench.reload());
      case 'crash the window':
        return this.#leaveAndReturn(() => this.#bench.crashWindow());
      case 'kill the host':
        return this.#leaveAndReturn(() => this.#bench.killHost());
      case 'reload in mid-stroke':
        return this.#inStroke(random, () => this.#bench.reload());
      case 'kill the host in mid-stroke':
        return this.#inStroke(random, () => this.#bench.killHost());
      case 'close the project and open it':
        return this.#closeAndOpen();
    }
  }

  /** Presses the mouse and draws, without letting go. */
  async #drawTo(moves: number): Promise<void> {
    const { desk } = this.#bench;
    await desk.settled();
    const n = this.#strokes++;
    const [x, y] = [0.3 + 0.06 * (n % columns), 0.3 + 0.06 * (Math.floor(n / columns) % columns)];
    const [fromX, fromY] = await desk.at('axial', x, y);
    await desk.page.mouse.move(fromX, fromY);
    await desk.page.mouse.down();
    for (let move = 1; move <= 2 + moves; move++) {
      const [toX, toY] = await desk.at('axial', x + 0.01 * move, y + 0.005 * move);
      await desk.page.mouse.move(toX, toY, { steps: 2 });
    }
  }

  #stroke(): void {
    this.#steps.splice(this.#done, Infinity, this.#strokes);
    this.#done++;
  }

  async #undo(): Promise<void> {
    await this.#bench.desk.page.keyboard.press('Control+z');
    this.#done--;
    await this.#shown();
  }

  /** Whatever ends a window ends its stroke, which is a step then, unless it had hardly begun. */
  async #inStroke(random: Random, leave: () => Promise<void>): Promise<void> {
    const { desk } = this.#bench;
    const begun = Date.now();
    await this.#drawTo(random.integer(6));
    await desk.page.waitForTimeout(random.integer(2) * 1500);
    const drawn = Date.now() - begun;
    await this.#leaveAndReturn(leave, true);
    if (!this.#open) {
      this.#bench.free();
      await this.#reopen();
    }
    const { length } = await this.#bench.desk.history();
    if (length === this.#done + 1) this.#stroke();
    else if (drawn > certainMilliseconds) throw new Error(`a stroke of ${drawn} ms was lost whole`);
    else {
      this.seen.set('stroke of less than a second lost', (this.seen.get('stroke of less than a second lost') ?? 0) + 1);
      if (length === this.#done) this.#steps.splice(this.#done);
    }
  }

  async #leaveAndReturn(leave: () => Promise<void>, stroking = false): Promise<void> {
    // What is on its way is saved, or lies with the browser.
    if (this.#open && !stroking) await this.#settled();
    await leave();
    await this.#bench.desk.page.mouse.up();
    await this.#reopen();
  }

  async #closeAndOpen(): Promise<void> {
    const { desk } = this.#bench;
    await desk.page.keyboard.press('Control+k');
    await desk.page.keyboard.type('Close the project');
    await desk.page.keyboard.press('Enter');
    const leave = desk.page
      .getByRole('dialog', { name: 'Leave with unsaved changes?' })
      .getByRole('button', { name: 'Leave', exact: true });
    const closed = desk.page.locator('[data-workspace=cases]:disabled'); // Not before: the case goes first.
    await until('the project is closed', async () => {
      if ((await leave.count()) > 0) {
        if (!this.#bench.full) throw new Error('asked whether to leave, and nothing keeps it from being saved');
        await leave.click();
      }
      return (await closed.count()) > 0;
    });
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    this.#open = await this.#bench.openCase(this.#name);
    if (!this.#open && !this.#bench.full) throw new Error('the case cannot be opened');
    if (this.#open) await this.#bench.desk.page.keyboard.press('b');
  }

  /** All is saved, or the bar says that it is not, and the disk is full. */
  async #settled(): Promise<boolean> {
    const { page } = this.#bench.desk;
    const bar = page.getByLabel('Unsaved', { exact: true });
    const saved = page.locator('[aria-label=History] .saved', { hasText: 'saved' });
    let isSaved = false;
    await until('it is saved or said not to be', async () => {
      isSaved = (await saved.count()) > 0;
      return isSaved || (this.#bench.full && (await bar.count()) > 0);
    });
    return isSaved;
  }

  async #shown(): Promise<void> {
    const names = (): Promise<readonly string[]> => this.#bench.desk.page.locator('[aria-label=History] li:not(.undone)').allTextContents();
    const all = (): Promise<number> => this.#bench.desk.page.locator('[aria-label=History] li').count();
    let seen = '';
    await until(`${this.#done} of ${this.#steps.length} steps are shown`, async () => {
      const [inForce, count] = [(await names()).length, await all()];
      seen = `${inForce} of ${count}`;
      return inForce === this.#done && count === this.#steps.length;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; shown are ${seen}`);
    });
  }

  async #check(): Promise<void> {
    if (!this.#open) return;
    await this.#shown();
    if (!(await this.#settled())) {
      this.seen.set('unsaved', (this.seen.get('unsaved') ?? 0) + 1);
      return;
    }
    const disk = readCaseFolder(this.#bench.documentOf(this.#name));
    if (disk.steps.length !== this.#steps.length || disk.done !== this.#done || disk.stroking)
      throw new Error(
        `on disk are ${disk.done} of ${disk.steps.length} steps, stroking ${String(disk.stroking)}; shown ${this.#done} of ${this.#steps.length}`,
      );
    const strokes = this.#steps.slice(0, this.#done).join();
    const mask = Buffer.from(disk.mask).toString('latin1');
    const before = this.#masks.get(strokes);
    if (before !== undefined && before !== mask) throw new Error('the mask of these strokes was another one');
    this.#masks.set(strokes, mask);
    if (this.#done === 0 && disk.mask.some((label) => label !== 0)) throw new Error('nothing is in force, and the mask is not empty');
    if (this.#done > 0 && this.#masks.get(this.#steps.slice(0, this.#done - 1).join()) === mask)
      throw new Error('the last stroke changes nothing');
  }
}
