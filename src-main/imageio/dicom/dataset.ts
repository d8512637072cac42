import { dictionary, type Keyword } from './dictionary.ts';

export interface Syntax {
  readonly explicit: boolean;
  readonly little: boolean;
}

export interface DicomElement {
  /** Empty in implicit VR. */
  readonly vr: string;
  /** The value's bytes, a view of the file. */
  readonly value: Uint8Array;
  /** Set where the length was undefined and the items had to be parsed to find its end. */
  readonly items?: readonly DicomDataset[];
  /** Encapsulated pixel data: the basic offset table, then the fragments. */
  readonly fragments?: readonly Uint8Array[];
}

const numberBytes: Readonly<Record<string, number>> = { US: 2, SS: 2, UL: 4, SL: 4, AT: 2, FL: 4, FD: 8 };

/** Parses a sequence's value of known length. */
export type ParseSequence = (value: Uint8Array, syntax: Syntax) => readonly DicomDataset[];

/** Attributes by keyword. A missing or malformed value is '' or an empty list, so that callers check what they need. */
export class DicomDataset {
  readonly #elements: ReadonlyMap<number, DicomElement>;
  readonly #syntax: Syntax;
  readonly #parseSequence: ParseSequence;

  /** Sequences are parsed when they are asked for. */
  constructor(elements: ReadonlyMap<number, DicomElement>, syntax: Syntax, parseSequence: ParseSequence) {
    this.#elements = elements;
    this.#syntax = syntax;
    this.#parseSequence = parseSequence;
  }

  element(keyword: Keyword): DicomElement | undefined {
    return this.#elements.get(dictionary[keyword][0]);
  }

  has(keyword: Keyword): boolean {
    return this.element(keyword) !== undefined;
  }

  get isLittleEndian(): boolean {
    return this.#syntax.little;
  }

  /** All values of a text attribute, without padding. */
  strings(keyword: Keyword): string[] {
    const value = this.element(keyword)?.value;
    if (!value || value.length === 0 || value.length > 1 << 20) return [];
    const set = keyword === 'SpecificCharacterSet' ? '' : this.string('SpecificCharacterSet');
    return new TextDecoder(set === 'ISO_IR 192' ? 'utf-8' : 'latin1')
      .decode(value)
      .split('\\')
      .map((text) => text.replace(/^[\s\0]+|[\s\0]+$/g, ''));
  }

  /** All values of a list of decimal numbers (DS), however long; what is not a number is NaN. */
  decimals(keyword: Keyword): Float64Array {
    const value = this.element(keyword)?.value;
    if (!value || value.length === 0) return new Float64Array(0);
    return Float64Array.from(new TextDecoder('latin1').decode(value).split('\\'), (text) => (text.trim() === '' ? NaN : Number(text)));
  }

  string(keyword: Keyword): string {
    return this.strings(keyword)[0] ?? '';
  }

  /** All values of a numeric attribute, text or binary; what is not a number is NaN. */
  numbers(keyword: Keyword): number[] {
    const vr: string = dictionary[keyword][1];
    const width = numberBytes[vr];
    if (width === undefined) return this.strings(keyword).map((text) => (text === '' ? NaN : Number(text)));
    const value = this.element(keyword)?.value;
    if (!value) return [];
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    const { little } = this.#syntax;
    return Array.from({ length: Math.floor(value.length / width) }, (_, n) => {
      switch (vr) {
        case 'SS':
          return view.getInt16(n * width, little);
        case 'UL':
          return view.getUint32(n * width, little);
        case 'SL':
          return view.getInt32(n * width, little);
        case 'FL':
          return view.getFloat32(n * width, little);
        case 'FD':
          return view.getFloat64(n * width, little);
        default:
          return view.getUint16(n * width, little);
      }
    });
  }

  /** The first value of a numeric attribute, or `fallback` where it is absent or no finite number. */
  number(keyword: Keyword, fallback: number): number {
    const [value] = this.numbers(keyword);
    return value !== undefined && Number.isFinite(value) ? value : fallback;
  }

  items(keyword: Keyword): readonly DicomDataset[] {
    const element = this.element(keyword);
    if (!element) return [];
    return element.items ?? this.#parseSequence(element.value, element.vr === 'UN' ? { explicit: false, little: true } : this.#syntax);
  }

  /** The first item of a sequence. */
  item(keyword: Keyword): DicomDataset | undefined {
    return this.items(keyword)[0];
  }
}
