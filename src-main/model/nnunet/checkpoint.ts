import { open } from 'node:fs/promises';
import type { Disposable } from '#shared/base/disposable.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { NamedTensor } from '../safetensors.ts';
import { readPickle } from './pickle.ts';
import { elementBytes, Storage, TensorReference, type Plain, type StorageElement } from './pickledValues.ts';
import { ZipFile } from './zipFile.ts';

/** The structure alone: names, shapes, settings. */
const MOST_PICKLE_BYTES = 64 * 2 ** 20;
/** Of one tensor; the file's own length is a bound anyway. */
const MOST_STORAGE_BYTES = 2 ** 31;
/** torch.save before PyTorch 1.6: a run of pickles that begins with this number. */
const LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');

/** What a `.pth` of nnU-Net holds, tensors by reference until they are asked for. */
export class Checkpoint implements Disposable {
  /** The outermost dictionary. */
  readonly values: ReadonlyMap<string | number | boolean | null, Plain>;
  readonly #zip: ZipFile;
  readonly #root: string;
  #loaded = 0;

  private constructor(zip: ZipFile, root: string, values: Checkpoint['values']) {
    this.#zip = zip;
    this.#root = root;
    this.values = values;
  }

  /**
   * Opens a checkpoint that torch.save wrote since PyTorch 1.6. Nothing in it is executed. Throws `not-found`, `unsupported` for the older
   * format, and `invalid-file` for everything that is no such file or asks for more than tensors and plain values.
   */
  static async open(path: string): Promise<Checkpoint> {
    const zip = await ZipFile.open(path).catch(async (error: unknown) => {
      if (await isLegacy(path)) {
        throw new StudioError(
          'unsupported',
          'This checkpoint has the format of PyTorch before version 1.6. Load it once with a newer PyTorch and save it again with torch.save.',
        );
      }
      throw error;
    });
    try {
      const pickle = zip.names.find((name) => name.endsWith('/data.pkl'));
      if (pickle === undefined) throw invalid('it holds no data.pkl');
      const root = pickle.slice(0, -'data.pkl'.length);
      if (zip.size(`${root}byteorder`) !== undefined) {
        const order = (await zip.read(`${root}byteorder`, 64)).toString('latin1').trim();
        if (order !== 'little') throw invalid('its numbers are in another byte order');
      }
      const values = readPickle(await zip.read(pickle, MOST_PICKLE_BYTES));
      if (!(values instanceof Map)) throw invalid('it is no dictionary');
      return new Checkpoint(zip, root, values);
    } catch (error) {
      zip.dispose();
      throw error;
    }
  }

  /** A tensor as float32, contiguous. Throws `invalid-file`. */
  async tensor(reference: TensorReference): Promise<NamedTensor> {
    const { storage, offset, size, stride } = reference;
    const bytes = storage.count * elementBytes[storage.element];
    // Views of one storage may share it, but all that is read together is never more than the file holds.
    this.#loaded += size.reduce((product, extent) => product * extent, elementBytes[storage.element]);
    if (this.#loaded > this.#zip.length) throw invalid('its tensors are larger than the file');
    const name = `${this.#root}data/${storage.key}`;
    if (this.#zip.size(name) !== bytes) throw invalid('the numbers of a tensor are missing or of another length');
    const raw = await this.#zip.read(name, MOST_STORAGE_BYTES);
    if (storage.element === 'f32' && isContiguous(size, stride)) {
      const start = raw.byteOffset + offset * 4;
      const count = size.reduce((product, extent) => product * extent, 1);
      return { shape: [...size], data: new Float32Array(raw.buffer.slice(start, start + count * 4)) };
    }
    return { shape: [...size], data: gather(decode(storage.element, raw), offset, size, stride) };
  }

  dispose(): void {
    this.#zip.dispose();
  }
}

async function isLegacy(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LEGACY.length), 0, LEGACY.length, 0);
    return bytesRead === LEGACY.length && buffer.equals(LEGACY);
  } finally {
    await file.close();
  }
}

/** Elements of a storage as numbers that float32 holds as well as it can. */
function decode(element: StorageElement, raw: Buffer): (index: number) => number {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  switch (element) {
    case 'f32':
      return (index) => view.getFloat32(index * 4, true);
    case 'f64':
      return (index) => view.getFloat64(index * 8, true);
    case 'f16':
      return (index) => halfToNumber(view.getUint16(index * 2, true));
    case 'bf16': {
      const wide = new DataView(new ArrayBuffer(4));
      return (index) => {
        wide.setUint32(0, view.getUint16(index * 2, true) << 16);
        return wide.getFloat32(0);
      };
    }
    case 'i64':
      return (index) => Number(view.getBigInt64(index * 8, true));
    case 'i32':
      return (index) => view.getInt32(index * 4, true);
    case 'i16':
      return (index) => view.getInt16(index * 2, true);
    case 'i8':
      return (index) => view.getInt8(index);
    case 'u8':
    case 'bool':
      return (index) => view.getUint8(index);
  }
}

/** IEEE 754 half precision. */
export function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) !== 0 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function isContiguous(size: readonly number[], stride: readonly number[]): boolean {
  let step = 1;
  for (let axis = size.length - 1; axis >= 0; axis--) {
    if (size[axis] !== 1 && stride[axis] !== step) return false;
    step *= size[axis] as number;
  }
  return true;
}

function gather(at: (index: number) => number, offset: number, size: readonly number[], stride: readonly number[]): Float32Array {
  const data = new Float32Array(size.reduce((product, extent) => product * extent, 1));
  const position = size.map(() => 0);
  let source = offset;
  for (let index = 0; index < data.length; index++) {
    data[index] = at(source);
    for (let axis = size.length - 1; axis >= 0; axis--) {
      source += stride[axis] as number;
      position[axis] = (position[axis] as number) + 1;
      if ((position[axis] as number) < (size[axis] as number)) break;
      source -= (size[axis] as number) * (stride[axis] as number);
      position[axis] = 0;
    }
  }
  return data;
}

/** The tensors of a state dictionary by name: without the prefixes of wrappers, and without the names that say the same twice. */
export function stateDictionary(values: Plain | undefined): Map<string, TensorReference> {
  if (!(values instanceof Map)) throw invalid('it holds no network weights');
  const tensors = new Map<string, TensorReference>();
  for (const [key, value] of values) {
    if (typeof key !== 'string' || !(value instanceof TensorReference)) continue;
    const name = key.replace(/^(?:module\.|_orig_mod\.)+/, '');
    if (name.includes('.all_modules.') || name.startsWith('decoder.encoder.')) continue;
    tensors.set(name, value);
  }
  return tensors;
}

/** More values than the plans of any data set hold. */
const MOST_JSON_VALUES = 200_000;

/** Dictionaries of text, lists and plain values as JSON would have them; Map keeps the order of keys. Throws `invalid-file` for others. */
export function plainJson(value: Plain | undefined): unknown {
  let left = MOST_JSON_VALUES;
  const convert = (item: Plain | undefined, depth: number): unknown => {
    if (--left < 0 || depth > 32) throw invalid('its settings are nested too deeply');
    if (item === undefined || item === null || typeof item === 'boolean' || typeof item === 'number' || typeof item === 'string')
      return item ?? null;
    if (Array.isArray(item)) return item.map((each) => convert(each, depth + 1));
    if (item instanceof Map) return new Map([...item].map(([key, each]) => [String(key), convert(each, depth + 1)]));
    if (item instanceof Storage) throw invalid('its settings hold something other than plain values');
    return null;
  };
  return convert(value, 0);
}

function invalid(why: string): StudioError {
  return new StudioError('invalid-file', `This checkpoint cannot be read: ${why}.`);
}
