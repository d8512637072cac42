import { StudioError } from '#shared/base/errors.ts';
import { callables, Callable, Opaque, Storage, TensorReference, type Plain } from './pickledValues.ts';

/** More values at once than any checkpoint has. */
const MOST_VALUES = 5_000_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Stands on the stack where a MARK was. */
const MARK = Symbol('mark');

/**
 * Reads a pickle of plain values and tensors, and runs nothing: what Python would look up and call is looked for in a table of a dozen
 * names that make values here; any other name, and any operation that could make other objects, ends it. Dictionaries become maps, lists and
 * tuples arrays. Throws `invalid-file`.
 */
export function readPickle(bytes: Buffer): Plain {
  return new Reader(bytes).run();
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  readonly #stack: (Plain | typeof MARK)[] = [];
  readonly #memo = new Map<number, Plain>();
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(): Plain {
    for (;;) {
      const code = this.#take(1)[0] as number;
      if (code === 0x2e) {
        const result = this.#pop();
        if (this.#stack.length > 0) throw refused('values are left over');
        return result;
      }
      this.#step(code);
      if (++this.#values > MOST_VALUES) throw refused('it holds more values than any model has');
    }
  }

  #step(code: number): void {
    switch (code) {
      case 0x80: // PROTO
        if ((this.#take(1)[0] as number) > 5) throw refused('it is of a newer pickle protocol');
        return;
      case 0x95: // FRAME
        this.#take(8);
        return;
      case 0x28: // MARK
        this.#stack.push(MARK);
        return;
      case 0x30: // POP
        this.#stack.pop();
        return;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#take(1)[0] as number);
      case 0x4d: // BININT2
        return this.#push(this.#take(2).readUInt16LE(0));
      case 0x4a: // BININT
        return this.#push(this.#take(4).readInt32LE(0));
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#take(1)[0] as number));
      case 0x47: // BINFLOAT
        return this.#push(this.#take(8).readDoubleBE(0));
      case 0x58: // BINUNICODE
        return this.#push(this.#text(this.#length(4)));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(this.#length(1)));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(this.#length(8)));
      case 0x42: // BINBYTES
        return this.#push(Uint8Array.from(this.#take(this.#length(4))));
      case 0x43: // SHORT_BINBYTES
        return this.#push(Uint8Array.from(this.#take(this.#length(1))));
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map());
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#push([]);
      case 0x74: // TUPLE
        return this.#push(this.#marked());
      case 0x85: // TUPLE1 … TUPLE3
      case 0x86:
      case 0x87:
        return this.#push(this.#last(code - 0x84));
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#marked());
      case 0x73: // SETITEM
        return this.#setItems(this.#last(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#marked());
      case 0x68: // BINGET
        return this.#get(this.#take(1)[0] as number);
      case 0x6a: // LONG_BINGET
        return this.#get(this.#take(4).readUInt32LE(0));
      case 0x71: // BINPUT
        return this.#put(this.#take(1)[0] as number);
      case 0x72: // LONG_BINPUT
        return this.#put(this.#take(4).readUInt32LE(0));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x63: // GLOBAL
        return this.#global(this.#line(), this.#line());
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#last(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw refused('a name in it is no text');
        return this.#global(module, name);
      }
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x62: // BUILD
        return this.#build();
      case 0x51: // BINPERSID
        return this.#push(Storage.of(this.#pop()));
      default:
        throw refused(`it holds an operation (0x${code.toString(16)}) that no model needs`);
    }
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw refused('it is cut off');
    const piece = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return piece;
  }

  #length(bytes: 1 | 4 | 8): number {
    const field = this.#take(bytes);
    return bytes === 1 ? (field[0] as number) : bytes === 4 ? field.readUInt32LE(0) : Number(field.readBigUInt64LE(0));
  }

  #text(length: number): string {
    try {
      return utf8.decode(this.#take(length));
    } catch (error) {
      if (error instanceof StudioError) throw error;
      throw refused('a text in it is no UTF-8');
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 256) throw refused('a name in it has no end');
    const text = this.#text(end - this.#at);
    this.#at++;
    return text;
  }

  #long(length: number): number {
    if (length > 8) throw refused('a number in it is too large');
    let value = 0n;
    const digits = this.#take(length);
    for (let index = length - 1; index >= 0; index--) value = (value << 8n) | BigInt(digits[index] as number);
    if (length > 0 && ((digits[length - 1] as number) & 0x80) !== 0) value -= 1n << BigInt(8 * length);
    return Number(value);
  }

  #push(value: Plain): void {
    this.#stack.push(value);
  }

  #pop(): Plain {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw refused('a value is missing');
    return value as Plain;
  }

  #last(count: number): Plain[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #marked(): Plain[] {
    const start = this.#stack.lastIndexOf(MARK);
    if (start < 0) throw refused('a value is missing');
    const values = this.#stack.splice(start + 1) as Plain[];
    this.#stack.pop();
    return values;
  }

  #append(values: readonly Plain[]): void {
    const list = this.#pop();
    if (!Array.isArray(list)) throw refused('it appends to what is no list');
    for (const value of values) list.push(value);
    this.#push(list);
  }

  #setItems(pairs: readonly Plain[]): void {
    const target = this.#pop();
    if (!(target instanceof Map) || pairs.length % 2 !== 0) throw refused('it writes into what is no dictionary');
    for (let index = 0; index < pairs.length; index += 2) {
      const key = pairs[index] as Plain;
      if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'boolean' && key !== null)
        throw refused('a key in it is neither text nor a number');
      target.set(key, pairs[index + 1] as Plain);
    }
    this.#push(target);
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw refused('it refers to a value that is not there');
    this.#push(value);
  }

  #put(index: number): void {
    const value = this.#pop();
    this.#memo.set(index, value);
    this.#push(value);
  }

  #global(module: string, name: string): void {
    const known = callables.get(`${module} ${name}`);
    if (known === undefined) {
      throw new StudioError(
        'invalid-file',
        'This checkpoint is refused: it asks for something that is no part of a model. Nothing of it was run.',
        { detail: `${module} ${name}` },
      );
    }
    this.#push(known);
  }

  #reduce(): void {
    const [callable, given] = this.#last(2);
    if (!(callable instanceof Callable) || !Array.isArray(given)) throw refused('it calls what cannot be called');
    this.#push(callable.make(given));
  }

  /** State that is given to a value afterwards: metadata of a dictionary, the byte order of a number's type. */
  #build(): void {
    const state = this.#pop();
    const target = this.#pop();
    if (target instanceof Opaque) target.build(state);
    else if (!(target instanceof Map) && !(target instanceof TensorReference)) throw refused('it changes what cannot be changed');
    this.#push(target);
  }
}

function refused(why: string): StudioError {
  return new StudioError('invalid-file', `This checkpoint cannot be read: ${why}.`);
}
