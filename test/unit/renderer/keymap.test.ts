import { expect, it } from 'vitest';
import { keysOf } from '../../../src-renderer/stores/keymap.svelte.ts';

const press = (key: string, code: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', boolean>> = {}) =>
  keysOf({ key, code, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

it('what is pressed is written as the commands have it', () => {
  expect(press('b', 'KeyB')).toBe('b');
  expect(press('A', 'KeyA', { shiftKey: true })).toBe('Shift+A');
  expect(press('3', 'Digit3')).toBe('Digit3');
  expect(press('Enter', 'Enter', { ctrlKey: true })).toBe('$mod+Enter');
  expect(press('Ω', 'KeyZ', { altKey: true })).toBe('Alt+KeyZ');
  expect(press('F8', 'F8')).toBe('F8');
  expect(press('Shift', 'ShiftLeft', { shiftKey: true })).toBeNull();
});
