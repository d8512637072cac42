import { StudioError } from '#shared/base/errors.ts';

/** A JSON value whose objects keep the order of their keys, digits included (JSON.parse sorts those). */
export type OrderedJson = null | boolean | number | string | readonly OrderedJson[] | ReadonlyMap<string, OrderedJson>;

const DEEPEST = 64;
const MOST_CHARACTERS = 16 * 2 ** 20;

/** Reads JSON as Python writes it: NaN and Infinity are numbers. Throws `invalid-file`, with `what` as the file's name. */
export function parseOrderedJson(text: string, what: string): OrderedJson {
  if (text.length > MOST_CHARACTERS) throw new StudioError('invalid-file', `${what} is too large.`);
  return new Parser(text, what).document();
}

const numberPattern = /-?(?:Infinity|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const stringPattern = /"(?:[ !#-[\]-\uffff]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;
const spacePattern = /[ \t\r\n]*/y;
const words: Readonly<Record<string, null | boolean | number>> = { null: null, true: true, false: false, NaN: NaN };

class Parser {
  readonly #text: string;
  readonly #what: string;
  #at = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  document(): OrderedJson {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault();
    return value;
  }

  #value(depth: number): OrderedJson {
    if (depth > DEEPEST) throw this.#fault();
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#list(depth);
      case '"':
        return this.#string();
      default:
    }
    for (const [word, value] of Object.entries(words)) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return Number(this.#match(numberPattern));
  }

  #object(depth: number): OrderedJson {
    const entries = new Map<string, OrderedJson>();
    this.#at++;
    if (this.#take('}')) return entries;
    do {
      this.#space();
      const key = this.#string();
      if (entries.has(key) || !this.#take(':')) throw this.#fault();
      entries.set(key, this.#value(depth + 1));
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#fault();
    return entries;
  }

  #list(depth: number): OrderedJson {
    const items: OrderedJson[] = [];
    this.#at++;
    if (this.#take(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#take(','));
    if (!this.#take(']')) throw this.#fault();
    return items;
  }

  #string(): string {
    return JSON.parse(this.#match(stringPattern)) as string;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    spacePattern.lastIndex = this.#at;
    spacePattern.exec(this.#text);
    this.#at = spacePattern.lastIndex;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined || found === '') throw this.#fault();
    this.#at += found.length;
    return found;
  }

  #fault(): StudioError {
    return new StudioError('invalid-file', `${this.#what} is damaged: it cannot be read from character ${this.#at + 1} on.`);
  }
}
