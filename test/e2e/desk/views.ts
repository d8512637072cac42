import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { Messages } from './messages.ts';

export type Place = readonly [x: number, y: number];
export interface DragOptions {
  readonly button?: 'left' | 'right' | 'middle';
  /** Moves between two places. */
  readonly steps?: number;
  /** What happens before the button is let go. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** Moves along places of a page with a button of the mouse down. */
export async function dragAlong(
  { mouse }: Pick<Page, 'mouse'>,
  [first, ...rest]: readonly Place[],
  { button = 'left', steps = 4, meanwhile }: DragOptions = {},
): Promise<void> {
  if (first === undefined) return;
  await mouse.move(...first);
  await mouse.down({ button });
  for (const place of rest) await mouse.move(...place, { steps });
  await meanwhile?.();
  await mouse.up({ button });
}

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

  /** A place in a view (axial, coronal, sagittal, 3D), in fractions of its size. */
  async at(view: string, x: number, y: number): Promise<Place> {
    const { page } = this;
    const shown = view === '3D' ? page.getByRole('application', { name: '3D view' }) : page.locator(`[data-orientation=${view}]`);
    const box = await shown.boundingBox();
    if (box === null) throw new Error(`no ${view} view`);
    return [box.x + x * box.width, box.y + y * box.height];
  }

  /** Moves along places of a view, in fractions of its size, with a button of the mouse down. */
  async drag(view: string, path: readonly Place[], options: DragOptions = {}): Promise<void> {
    await this.settled();
    await dragAlong(this.page, await Promise.all(path.map(([x, y]) => this.at(view, x, y))), options);
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
