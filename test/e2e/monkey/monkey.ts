import { Random } from '#shared/base/random.ts';
import { expect } from 'vitest';
import type { PageCensus } from '../census/recorder.ts';
import { dragAlong, type Place } from '../desk/views.ts';
import type { Desk } from '../driver.ts';

/** What a monkey must keep its hands off: it would read or write outside of its own folder, or compute for minutes. */
const forbidden = [
  /“Import files or a folder” \| button \| Import/,
  /\| New folder$/,
  /\| Demo project/,
  /\| Predict/,
  /\| Improve$/,
  /\| Resume$/,
  /\| Check again$/,
  /\| Export$/,
  /\| (a place|Parent folder)$/,
];

/** Keys of the window, of its fields and of a hand that slips. */
const keys = [
  ...'abcdefghijklmnopqrstuvwxyz',
  ...'123456789',
  ...'[],.+-',
  ...['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End'],
  ...['Tab', 'Shift+Tab', 'Space', 'Enter', 'Enter', 'Escape', 'Escape', 'Escape', 'Delete', 'Backspace', 'F2'],
  ...['Control+z', 'Control+z', 'Control+y', 'Control+Shift+Z', 'Control+k', 'Control+Enter', 'Control+i', 'Control+.'],
  ...['Shift+?', 'Shift+A', 'Shift+V', 'Shift+N', 'Shift+F', 'Shift+O', 'Shift+Enter', 'Shift+1', 'Shift+2'],
  ...['Alt+1', 'Alt+2', 'Alt+3', 'Alt+3', 'Alt+3', 'Alt+4', 'Alt+5', 'Alt+6', 'Alt+7', 'Alt+8'],
];

interface Spot {
  readonly key: string;
  readonly kind: string;
  readonly x: number;
  readonly y: number;
}
interface Around {
  readonly dialog: string;
  /** The control that chance has chosen among those that can be pressed now: names are slow to ask for, and no other is needed. */
  readonly control: Spot | undefined;
  readonly views: readonly { readonly x: number; readonly y: number; readonly width: number; readonly height: number }[];
  /** A project is open. */
  readonly project: boolean;
}

/** `chance`: from 0 to 1. */
function lookAround(chance: number): Around {
  const { census } = window as unknown as { readonly census: PageCensus };
  const boxOf = (element: Element) => element.getBoundingClientRect();
  const places = census
    .controls()
    .filter((element) => !element.matches(':disabled, [role=application]'))
    .flatMap((element) => {
      const { left, top, width, height } = boxOf(element);
      const [x, y] = [left + width / 2, top + height / 2];
      return x > 0 && y > 0 && x < innerWidth && y < innerHeight ? [{ element, x, y }] : [];
    });
  const chosen = places[Math.min(places.length - 1, Math.floor(chance * places.length))];
  const kindOf = (element: Element): string =>
    element instanceof HTMLSelectElement ? 'select' : element instanceof HTMLInputElement ? element.type : 'button';
  return {
    dialog: [...document.querySelectorAll('dialog[open]')].at(-1)?.getAttribute('aria-label') ?? '',
    control: chosen && { key: census.keyOf(chosen.element), kind: kindOf(chosen.element), x: chosen.x, y: chosen.y },
    views: [...document.querySelectorAll('main [role=application]')].map((element) => {
      const { left, top, width, height } = boxOf(element);
      return { x: left, y: top, width, height };
    }),
    project: !(document.querySelector<HTMLButtonElement>('[data-workspace=cases]')?.disabled ?? true),
  };
}

export interface MonkeyRun {
  readonly seed: number;
  readonly gestures: number;
  /** No gesture is begun after that. */
  readonly seconds: number;
  /** Opens the monkey's project again where it was closed. */
  readonly reopen: () => Promise<void>;
  /** Told of every gesture before it is made. */
  readonly log: (gesture: string) => void;
}

/** Makes random gestures over all workspaces, and answers with how many; throws at the first fault of the window. */
export async function runMonkey(desk: Desk, { seed, gestures, seconds, reopen, log }: MonkeyRun): Promise<number> {
  const random = new Random(seed);
  const below = (n: number): number => Math.min(n - 1, Math.floor(random.uniform(0, n)));
  const { mouse, keyboard } = desk.page;
  const faults = async (): Promise<void> => {
    expect({ errors: desk.errors, failures: await desk.failures() }).toEqual({ errors: [], failures: [] });
  };
  const end = performance.now() + seconds * 1000;
  let n = 0;
  for (; n < gestures && performance.now() < end; n++) {
    const around = await desk.page.evaluate(lookAround, random.uniform(0, 1));
    if (!around.project && around.dialog === '' && below(4) === 0) {
      log('opens the project again');
      await reopen();
      continue;
    }
    const what = random.uniform(0, 1);
    const view = around.views[below(Math.max(1, around.views.length))];
    if (what < 0.42) {
      const { control } = around;
      if (control === undefined || forbidden.some((pattern) => pattern.test(control.key))) continue;
      log(`presses ${control.key}`);
      if (control.kind === 'select' || control.kind === 'color') {
        await desk.page.evaluate(({ x, y }) => (document.elementFromPoint(x, y) as HTMLElement | null)?.focus(), control);
        if (control.kind === 'select') await keyboard.press(below(2) === 0 ? 'ArrowDown' : 'ArrowUp');
      } else await mouse.click(control.x, control.y, { clickCount: below(8) === 0 ? 2 : 1 });
      if (control.kind === 'number' && below(2) === 0) await keyboard.type(String(below(300)));
      if (['text', 'search'].includes(control.kind) && below(2) === 0)
        await keyboard.type(['liver', 'x', '  ', '/', 'é中'][below(5)] ?? '');
    } else if (what < 0.7) {
      const key = keys[below(keys.length)] ?? 'Escape';
      if (around.dialog.startsWith('Import files') && ['Enter', 'Space'].includes(key)) continue;
      log(`key ${key}${around.dialog === '' ? '' : ` in “${around.dialog}”`}`);
      await keyboard.press(key);
    } else if (what < 0.95 && view !== undefined && around.dialog === '') {
      const at = (): Place => [view.x + view.width * random.uniform(0.05, 0.95), view.y + view.height * random.uniform(0.1, 0.95)];
      const button = (['left', 'left', 'left', 'left', 'right', 'middle'] as const)[below(6)] ?? 'left';
      const modifier = ([null, null, null, 'Control', 'Shift', 'Alt'] as const)[below(6)] ?? null;
      const path = Array.from({ length: 1 + below(3) }, at);
      log(`${modifier ?? ''} ${button} drag ${path.map(([x, y]) => `${x.toFixed(0)},${y.toFixed(0)}`).join(' ')}`);
      if (modifier !== null) await keyboard.down(modifier);
      const inMidStroke = async (): Promise<void> => {
        if (below(12) === 0) await keyboard.press(keys[below(keys.length)] ?? 'Escape');
      };
      await dragAlong(desk.page, [at(), ...path], { button, steps: 2, meanwhile: inMidStroke });
      if (modifier !== null) await keyboard.up(modifier);
    } else if (what < 0.985) {
      log('wheel');
      await mouse.wheel(0, below(2) === 0 ? 120 : -120);
    } else {
      log('reloads');
      await desk.page.reload();
      await desk.ready();
    }
    if (n % 10 === 9) await faults();
  }
  await faults();
  return n;
}
