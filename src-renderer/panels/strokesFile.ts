import { localTime } from '#shared/base/localTime.ts';
import { encodeStrokes } from '../stores/strokes.ts';
import type { Unsaved } from '../stores/unsaved.svelte.ts';

/** Hands unsaved edits to the browser as a file, which “Open recovered strokes” takes. */
export function saveStrokes(unsaved: Unsaved): void {
  const address = URL.createObjectURL(new Blob([encodeStrokes(unsaved)]));
  const link = document.createElement('a');
  link.href = address;
  link.download = `${localTime(unsaved.since).slice(0, 16).replaceAll(':', '-').replace(' ', 'T')}.strokes`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Asks for such a file; null where none is chosen. */
export function chooseStrokes(): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.accept = '.strokes';
    input.onchange = () => {
      const [file] = input.files ?? [];
      if (file === undefined) resolve(null);
      else void file.arrayBuffer().then((buffer) => resolve(new Uint8Array(buffer)));
    };
    input.oncancel = () => resolve(null);
    input.click();
  });
}
