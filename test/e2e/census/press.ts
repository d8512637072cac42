import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ElementHandle, Page } from 'playwright-core';
import type { PageCensus } from './recorder.ts';

type InPage = Window & { readonly census: PageCensus };

/** What follows from a field that has another value comes within this. */
const OWN_MS = 2000;

export interface Control {
  readonly key: string;
  readonly handle: ElementHandle<HTMLElement>;
}

/** A control that can be pressed now and whose key is not among these; null where there is none left. */
export async function nextControl(page: Page, done: readonly string[]): Promise<Control | null> {
  const found = await page.evaluateHandle((keys) => (window as unknown as InPage).census.next(keys) ?? null, done);
  const handle = found.asElement() as ElementHandle<HTMLElement> | null;
  if (handle === null) return null;
  return { key: await handle.evaluate((element) => (window as unknown as InPage).census.keyOf(element)), handle };
}

/** Uses a control as its kind is used by hand. */
export async function press(page: Page, handle: ElementHandle<HTMLElement>): Promise<void> {
  const patience = { timeout: 5000 };
  const kind = await handle.evaluate((element) => {
    if (element instanceof HTMLInputElement) return element.type;
    if (element instanceof HTMLTextAreaElement) return 'text';
    if (element instanceof HTMLSelectElement) return 'select';
    const role = element.getAttribute('role');
    return role === 'application' || role === 'listbox' || (role === 'region' && element.tabIndex === 0) ? role : 'click';
  });
  switch (kind) {
    case 'range': {
      await handle.focus();
      const before = await handle.evaluate((element) => (element as HTMLInputElement).value);
      await page.keyboard.press('ArrowRight');
      if ((await handle.evaluate((element) => (element as HTMLInputElement).value)) === before) await page.keyboard.press('ArrowLeft');
      return;
    }
    case 'number':
      await handle.evaluate((element) => {
        const input = element as HTMLInputElement;
        input.dataset['wanted'] = String(
          input.max !== '' && Number(input.value) >= Number(input.max)
            ? Number(input.value) - Number(input.step || 1)
            : Number(input.value) + Number(input.step || 1),
        );
      });
      await handle.fill((await handle.getAttribute('data-wanted')) ?? '1', patience);
      await page.keyboard.press('Enter');
      return;
    case 'text':
    case 'search':
      await handle.focus();
      await page.keyboard.press('End');
      await page.keyboard.type('x');
      return;
    case 'date':
    case 'time':
      await handle.fill(kind === 'date' ? '2021-03-04' : '04:05', patience);
      await page.keyboard.press('Tab');
      return;
    case 'color':
      await handle.fill('#3355aa', patience);
      return;
    case 'select': {
      const other = await handle.evaluate((element) => {
        const select = element as HTMLSelectElement;
        return [...select.options].find((option) => !option.disabled && option.value !== select.value)?.value ?? null;
      });
      if (other !== null) await (handle as unknown as ElementHandle<HTMLSelectElement>).selectOption(other, patience);
      return;
    }
    case 'application': {
      const box = await handle.boundingBox();
      if (box === null) return;
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await page.mouse.wheel(0, 120);
      return;
    }
    case 'listbox':
    case 'region':
      await handle.focus();
      await page.keyboard.press(kind === 'listbox' ? 'ArrowDown' : 'PageDown');
      return;
    default: {
      await handle.scrollIntoViewIfNeeded(patience);
      const box = await handle.boundingBox();
      if (box === null) throw new Error('it is gone');
      await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    }
  }
}

/** What can be seen of the state of window and disk. */
export class Probes {
  readonly #page: Page;
  readonly #folders: readonly string[];
  readonly #database: DatabaseSync;
  #downloads = 0;

  constructor(page: Page, project: string, dataFolder: string) {
    this.#page = page;
    this.#folders = [project, dataFolder];
    this.#database = new DatabaseSync(join(project, 'library.sqlite'), { readOnly: true });
    page.on('download', () => this.#downloads++);
  }

  close(): void {
    this.#database.close();
  }

  /** Words and states of the window, but for one control's own. */
  async window(except: ElementHandle<HTMLElement> | null = null): Promise<string> {
    return this.#page.evaluate((element) => (window as unknown as InPage).census.state(element ?? undefined), except);
  }

  async picture(): Promise<string> {
    return this.#page.evaluate(
      () =>
        [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()).join('\n') +
        [...document.querySelectorAll('main svg')].map(({ outerHTML }) => outerHTML).join('\n') +
        String(document.querySelector('.scroll:focus')?.scrollTop ?? ''),
    );
  }

  /** What lies on disk: the database's version, and size and time of every file. */
  disk(): string {
    const { data_version: version } = this.#database.prepare('PRAGMA data_version').get() as { data_version: number };
    const hash = createHash('sha1').update(`${String(version)} ${String(this.#downloads)}`);
    for (const folder of this.#folders)
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (/\.sqlite|\.log$|log\.|heartbeat|running/.test(name)) continue;
        try {
          const found = statSync(join(folder, name));
          if (!found.isFile()) continue;
          hash.update(`${name} ${String(found.size)}`);
          if (found.size < 20_000) hash.update(readFileSync(join(folder, name)));
        } catch {
          continue; // It went meanwhile.
        }
      }
    return hash.digest('hex');
  }
}

/** Which kind of thing changed after a press: the first that did, or '' after the patience. What a field says of itself is waited for less. */
export async function effectOf(
  page: Page,
  probes: Probes,
  handle: ElementHandle<HTMLElement>,
  act: () => Promise<void>,
  patience = 10_000,
): Promise<string> {
  const own = (): Promise<string> =>
    handle.evaluate((element) =>
      element.isConnected
        ? `${(element as HTMLInputElement).value ?? ''}${String((element as HTMLInputElement).checked ?? '')}${element.getAttribute('aria-pressed') ?? ''}${element.getAttribute('aria-checked') ?? ''}`
        : '',
    );
  const [window, picture, disk, itself] = [await probes.window(handle), await probes.picture(), probes.disk(), await own()];
  await act();
  const until = performance.now() + patience;
  for (;;) {
    if ((await probes.window(handle)) !== window) return 'window';
    if (probes.disk() !== disk) return 'disk';
    if ((await probes.picture()) !== picture) return 'picture';
    const left = until - performance.now();
    if (left < 0) return (await own()) !== itself ? 'own' : '';
    if (left < patience - OWN_MS && (await own()) !== itself) return 'own';
    await page.evaluate(
      () =>
        new Promise((done) => {
          setTimeout(done, 60);
        }),
    );
  }
}
