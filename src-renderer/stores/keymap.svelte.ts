import type { Memory } from './memory.ts';

interface Keyed {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly keys: string;
  readonly initialKeys: string;
}

/** Which keys a person has given to commands instead of their own; kept over restarts. */
export class Keymap {
  readonly #memory: Memory;
  #changed = $state.raw<Readonly<Record<string, string>>>({});
  /** Every command of the window, once they are made. */
  commands = $state.raw<readonly Keyed[]>([]);

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  async recall(): Promise<void> {
    const stored = await this.#memory.get('keys');
    if (typeof stored !== 'object' || stored === null) return;
    this.#changed = Object.fromEntries(Object.entries(stored).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  }

  /** As tinykeys writes them; several by a bar. */
  keysOf(id: string, initial: string): string {
    return this.#changed[id] ?? initial;
  }

  isChanged(id: string): boolean {
    return id in this.#changed;
  }

  /** The command that has one of these keys already; undefined where none has. */
  takenBy(id: string, keys: string): Keyed | undefined {
    const wanted = keys.split('|');
    return this.commands.find((each) => each.id !== id && each.keys.split('|').some((key) => key !== '' && wanted.includes(key)));
  }

  /** Gives a command these keys; '' for none. */
  set(id: string, keys: string): void {
    this.#keep({ ...this.#changed, [id]: keys });
  }

  /** The command's own keys again. */
  reset(id: string): void {
    const { [id]: _gone, ...left } = this.#changed;
    this.#keep(left);
  }

  resetAll(): void {
    this.#keep({});
  }

  #keep(changed: Readonly<Record<string, string>>): void {
    this.#changed = changed;
    this.#memory.set('keys', changed);
  }
}

const alone = new Set(['Control', 'Shift', 'Alt', 'Meta']);

/** What was pressed, as tinykeys writes it; null while only Shift, Ctrl and the like are held. */
export function keysOf(event: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string | null {
  if (alone.has(event.key)) return null;
  // With Alt, some systems type another letter: the key's place is what counts.
  const key =
    event.code.startsWith('Digit') || (event.altKey && event.code.startsWith('Key')) ? event.code : event.key === ' ' ? 'Space' : event.key;
  const parts = [
    ...(event.ctrlKey || event.metaKey ? ['$mod'] : []),
    ...(event.altKey ? ['Alt'] : []),
    ...(event.shiftKey ? ['Shift'] : []),
    key.length === 1 ? (event.shiftKey ? key.toUpperCase() : key.toLowerCase()) : key,
  ];
  return parts.join('+');
}
