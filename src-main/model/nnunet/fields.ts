import { StudioError } from '#shared/base/errors.ts';
import type { AxisNumbers } from '#shared/domain/importedModel.ts';
import type { OrderedJson } from './orderedJson.ts';

/** Reads an object's fields by type; every fault names file and field. */
export class Fields {
  readonly #map: ReadonlyMap<string, OrderedJson>;
  readonly #file: string;

  constructor(map: ReadonlyMap<string, OrderedJson>, file: string) {
    this.#map = map;
    this.#file = file;
  }

  has(name: string): boolean {
    return this.#map.has(name);
  }

  get(name: string): OrderedJson | undefined {
    return this.#map.get(name);
  }

  entries(): (readonly [string, OrderedJson])[] {
    return [...this.#map];
  }

  /** These fields with `other`'s in the place of those of the same names. */
  overlaid(other: Fields): Fields {
    return new Fields(new Map([...this.#map, ...other.#map]), this.#file);
  }

  truthy(name: string): boolean {
    const value = this.#map.get(name);
    return value !== undefined && value !== null && value !== false && value !== 0 && value !== '';
  }

  object(name: string): Fields {
    return this.optionalObject(name) ?? this.#fail(name);
  }

  optionalObject(name: string): Fields | undefined {
    const value = this.#map.get(name);
    return value instanceof Map ? new Fields(value as ReadonlyMap<string, OrderedJson>, this.#file) : undefined;
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#fail(name);
  }

  optionalText(name: string): string | undefined {
    const value = this.#map.get(name);
    return typeof value === 'string' && value.length <= 4096 ? value : undefined;
  }

  number(name: string, least: number, most: number): number {
    const value = this.#map.get(name);
    return typeof value === 'number' && value >= least && value <= most ? value : this.#fail(name);
  }

  optionalNumber(name: string): number | undefined {
    const value = this.#map.get(name);
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  }

  integer(name: string, least: number, most: number): number {
    const value = this.number(name, least, most);
    return Number.isInteger(value) ? value : this.#fail(name);
  }

  list(name: string): readonly OrderedJson[] {
    const value = this.#map.get(name);
    return Array.isArray(value) ? (value as readonly OrderedJson[]) : this.#fail(name);
  }

  numbers(name: string, least: number, most: number, whole = true): readonly number[] {
    return this.list(name).map((value) => this.#number(name, value, least, most, whole));
  }

  /** One whole number for each stage; a single one stands for all. */
  perStage(name: string, stages: number, least: number, most: number): readonly number[] {
    const value = this.#map.get(name);
    if (!Array.isArray(value)) return Array.from({ length: stages }, () => this.#number(name, value, least, most, true));
    return value.length === stages ? this.numbers(name, least, most) : this.#fail(name);
  }

  /** Three whole numbers for each stage; a single number stands for all axes, or for all stages. */
  axesPerStage(name: string, stages: number, least: number, most: number): readonly AxisNumbers[] {
    const value = this.#map.get(name);
    if (!Array.isArray(value)) return Array.from({ length: stages }, () => this.#axes(name, value, least, most));
    return value.length === stages ? this.axesList(name, least, most) : this.#fail(name);
  }

  axesList(name: string, least: number, most: number): readonly AxisNumbers[] {
    return this.list(name).map((value) => this.#axes(name, value, least, most));
  }

  #axes(name: string, value: OrderedJson | undefined, least: number, most: number): AxisNumbers {
    const each = Array.isArray(value) ? (value as readonly OrderedJson[]) : [value, value, value];
    const [a, b, c] = each.map((one) => this.#number(name, one, least, most, true));
    return each.length === 3 && a !== undefined && b !== undefined && c !== undefined ? [a, b, c] : this.#fail(name);
  }

  #number(name: string, value: OrderedJson | undefined, least: number, most: number, whole: boolean): number {
    return typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value)) ? value : this.#fail(name);
  }

  #fail(name: string): never {
    throw new StudioError('invalid-file', `${this.#file} of this nnU-Net model is not usable: "${name}" is missing or wrong.`);
  }
}

export function fieldsOf(value: OrderedJson, file: string): Fields {
  if (!(value instanceof Map)) throw new StudioError('invalid-file', `${file} of this nnU-Net model holds no settings.`);
  return new Fields(value as ReadonlyMap<string, OrderedJson>, file);
}
