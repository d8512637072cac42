import { expect } from 'vitest';
import { Messages } from './messages.ts';

/** The views of a case and the tools in them. */
export class Views extends Messages {
  /** Waits until a view shows an image, not only its frame. */
  async drawn(view: string): Promise<void> {
    await this.page.waitForFunction(
      (name) => {
        const canvas = document.querySelector<HTMLCanvasElement>(`[data-orientation=${name}] canvas`);
        const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels?.some((value, at) => at % 4 === 0 && value > 64 && value === pixels[at + 1] && value === pixels[at + 2]) ?? false; // grey: tissue, not crosshair
      },
      view,
      { polling: 200 },
    );
  }

  /** A place in a view, in fractions of its size. */
  async at(view: string, x: number, y: number): Promise<readonly [number, number]> {
    const box = await this.page.locator(`[data-orientation=${view}]`).boundingBox();
    if (box === null) throw new Error(`no ${view} view`);
    return [box.x + x * box.width, box.y + y * box.height];
  }

  async drag(view: string, path: readonly (readonly [number, number])[], button: 'left' | 'right' = 'left'): Promise<void> {
    await this.settled();
    const places = await Promise.all(path.map(([x, y]) => this.at(view, x, y)));
    const [first, ...rest] = places;
    if (first === undefined) return;
    await this.page.mouse.move(first[0], first[1]);
    await this.page.mouse.down({ button });
    for (const [x, y] of rest) await this.page.mouse.move(x, y, { steps: 4 });
    await this.page.mouse.up({ button });
  }

  /** The tool in the hand, as the tool panel names it. */
  async tool(): Promise<string> {
    return (await this.page.getByRole('region', { name: 'Tool settings' }).getByRole('heading').textContent()) ?? '';
  }

  async toolIs(name: string): Promise<void> {
    await expect.poll(() => this.tool()).toBe(name);
  }

  /** The slice number that a view shows. */
  async slice(view: string): Promise<number> {
    return Number.parseInt((await this.page.locator(`[data-orientation=${view}] .title .number`).first().textContent()) ?? '', 10);
  }

  /** The brightest channel of what a view shows. */
  async brightest(view: string): Promise<number> {
    return this.page
      .getByRole('application', { name: view })
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement) => {
        const pixels = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
        return pixels.reduce((most, value, at) => (at % 4 === 3 ? most : Math.max(most, value)), 0);
      });
  }

  /** What a view shows, to be compared. */
  async picture(view: string): Promise<string> {
    return this.page
      .getByRole('application', { name: view })
      .locator('canvas')
      .evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  }
}
