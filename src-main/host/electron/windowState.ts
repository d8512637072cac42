import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

const length = v.pipe(v.number(), v.finite());
const rectangle = v.object({ x: length, y: length, width: length, height: length });
const state = v.object({ bounds: rectangle, maximized: v.boolean() });
export type Rectangle = v.InferOutput<typeof rectangle>;
export type WindowState = v.InferOutput<typeof state>;

export const minimumSize = { width: 1024, height: 640 } as const;

/** The remembered state if it is sound and a good part of it lies on a display that is there; else a centred window on the first one. */
export function fitWindow(remembered: WindowState | null, workAreas: readonly Rectangle[]): WindowState {
  const first = workAreas[0] ?? { x: 0, y: 0, width: 1280, height: 720 };
  if (
    remembered !== null &&
    workAreas.some((area) => overlap(area, remembered.bounds) >= 0.5 * remembered.bounds.width * remembered.bounds.height) &&
    remembered.bounds.width >= minimumSize.width &&
    remembered.bounds.height >= minimumSize.height
  )
    return remembered;
  const width = Math.min(first.width, Math.max(minimumSize.width, Math.round(first.width * 0.9)));
  const height = Math.min(first.height, Math.max(minimumSize.height, Math.round(first.height * 0.9)));
  return {
    bounds: { x: first.x + Math.round((first.width - width) / 2), y: first.y + Math.round((first.height - height) / 2), width, height },
    maximized: remembered?.maximized ?? false,
  };
}

export function readWindowState(file: string): WindowState | null {
  try {
    return v.parse(state, JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/** A lost window position is not worth an error. */
export function writeWindowState(file: string, value: WindowState): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(value));
  } catch {
    // The next start centres the window.
  }
}

function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}
