import type { Command } from './commands.ts';

const moving = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown', 'Tab'];
const pressing = ['Enter', ' ', 'Tab'];
/** With Ctrl or Command, what a text field does itself. */
const editing = ['a', 'c', 'v', 'x', 'y', 'z', 'Backspace', 'Delete', ...moving];
const buttonLike = new Set(['button', 'submit', 'reset', 'color', 'file', 'image']);

/**
 * Whether a key is what has the focus's own. Text fields and whatever is open over the window keep all of theirs; sliders, menus, buttons
 * and number fields those that they have a use for, so that a shortcut works whatever was touched before.
 */
export function belongsToFocus(event: KeyboardEvent): boolean {
  if (event.isComposing || document.querySelector('dialog[open]') !== null) return true;
  const { target, key } = event;
  if (!(target instanceof HTMLElement)) return false;
  const chord = event.ctrlKey || event.metaKey;
  if (target instanceof HTMLInputElement) {
    if (target.type === 'checkbox' || target.type === 'radio') return [' ', 'Tab'].includes(key);
    if (target.type === 'range') return !chord && moving.includes(key);
    if (target.type === 'number')
      return !chord && !event.altKey && (/^[0-9.,+-]$|^Backspace$|^Delete$|^Enter$/.test(key) || moving.includes(key));
    if (buttonLike.has(target.type)) return pressing.includes(key);
  }
  if (target instanceof HTMLSelectElement) return target.matches(':open') || (!chord && [...moving, ...pressing, 'Escape'].includes(key));
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target.isContentEditable)
    return (!chord && !event.altKey) || editing.includes(key.length === 1 ? key.toLowerCase() : key);
  return target.closest('button, summary, a[href], [role=option]') !== null && !chord && pressing.includes(key);
}

/** One entry per key of every command, as tinykeys wants them. */
export function bindingsOf(commands: readonly Command[]): Record<string, (event: KeyboardEvent) => void> {
  return Object.fromEntries(
    commands.flatMap((command) =>
      command.keys
        .split('|')
        .filter((keys) => keys !== '')
        .map((keys) => [
          keys,
          (event: KeyboardEvent) => {
            if (!command.enabled()) return;
            event.preventDefault();
            if (!event.repeat || command.repeats === true) command.run();
          },
        ]),
    ),
  );
}
