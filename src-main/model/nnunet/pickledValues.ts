import { StudioError } from '#shared/base/errors.ts';

/** What a checkpoint's pickle can hold. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Plain[]
  | Map<string | number | boolean | null, Plain>
  | Storage
  | TensorReference
  | Opaque
  | Callable;

export type StorageElement = 'f32' | 'f64' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool';

export const elementBytes: Readonly<Record<StorageElement, number>> = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/** A run of numbers of the file; `key` names its entry. */
export class Storage {
  readonly element: StorageElement;
  readonly key: string;
  readonly count: number;

  private constructor(element: StorageElement, key: string, count: number) {
    this.element = element;
    this.key = key;
    this.count = count;
  }

  /** Of a persistent id: ('storage', class, key, device, count). */
  static of(id: Plain): Storage {
    const [kind, type, key, , count] = Array.isArray(id) ? id : [];
    if (kind !== 'storage' || !(type instanceof Callable) || type.storage === undefined || typeof key !== 'string' || !isNatural(count))
      throw refused('a tensor in it has no numbers');
    return new Storage(type.storage, key, count);
  }
}

/** A tensor: where in a storage its numbers stand. Offset and strides in elements. All lie inside the storage, none twice. */
export class TensorReference {
  readonly storage: Storage;
  readonly offset: number;
  readonly size: readonly number[];
  readonly stride: readonly number[];

  private constructor(storage: Storage, offset: number, size: readonly number[], stride: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.size = size;
    this.stride = stride;
  }

  static of([storage, offset, size, stride]: readonly Plain[]): TensorReference {
    if (!(storage instanceof Storage) || !isNatural(offset) || !isNaturals(size) || !isNaturals(stride) || size.length !== stride.length)
      throw refused('a tensor in it has no usable shape');
    const count = size.reduce((product, extent) => product * extent, 1);
    const last = count === 0 ? 0 : size.reduce((at, extent, axis) => at + (extent - 1) * (stride[axis] ?? 0), offset);
    if (size.length > 8 || !Number.isSafeInteger(last) || last >= Math.max(1, storage.count) || count > storage.count)
      throw refused('a tensor in it is larger than its numbers');
    return new TensorReference(storage, offset, size, stride);
  }
}

/** A value that nobody reads (a device, a number's type); what is built into it is looked at only for the byte order. */
export class Opaque {
  readonly name: string;
  readonly args: readonly Plain[];

  constructor(name: string, args: readonly Plain[]) {
    this.name = name;
    this.args = args;
  }

  build(state: Plain): void {
    if (this.name === 'dtype' && Array.isArray(state) && state[1] === '>') throw refused('its numbers are in another byte order');
  }
}

/** A name of Python that is known here, and what it makes of its arguments. */
export class Callable {
  readonly make: (args: readonly Plain[]) => Plain;
  readonly storage: StorageElement | undefined;

  constructor(make: (args: readonly Plain[]) => Plain, storage?: StorageElement) {
    this.make = make;
    this.storage = storage;
  }
}

const opaque = (name: string): Callable => new Callable((args) => new Opaque(name, args));
const storageOf = (element: StorageElement): Callable =>
  new Callable(() => {
    throw refused('it calls what cannot be called');
  }, element);

/** numpy.dtype's code of a scalar → how its bytes are read. */
const scalars: Readonly<Record<string, (view: DataView) => number>> = {
  f8: (view) => view.getFloat64(0, true),
  f4: (view) => view.getFloat32(0, true),
  i8: (view) => Number(view.getBigInt64(0, true)),
  i4: (view) => view.getInt32(0, true),
  b1: (view) => view.getUint8(0),
};

function numpyScalar([type, bytes]: readonly Plain[]): Plain {
  const code = type instanceof Opaque && typeof type.args[0] === 'string' ? type.args[0] : '';
  const read = Object.hasOwn(scalars, code) ? scalars[code] : undefined;
  if (read === undefined || !(bytes instanceof Uint8Array) || bytes.length !== Number(code.slice(1))) return new Opaque('scalar', []);
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Protocol 2 has no bytes: they are text whose code points are the bytes. */
function encoded([text, encoding]: readonly Plain[]): Plain {
  if (typeof text !== 'string' || encoding !== 'latin1') throw refused('a text in it is not encoded as expected');
  return Uint8Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code > 255) throw refused('a text in it is not encoded as expected');
    return code;
  });
}

function orderedDictionary(args: readonly Plain[]): Plain {
  if (args.length > 0) throw refused('a dictionary in it is not written as expected');
  return new Map();
}

/** 'module name' as the pickle has it. Nothing else is known. */
export const callables: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ['collections OrderedDict', new Callable(orderedDictionary)],
  ['torch._utils _rebuild_tensor_v2', new Callable((args) => TensorReference.of(args))],
  [
    'torch._utils _rebuild_parameter',
    new Callable(([tensor]) => {
      if (!(tensor instanceof TensorReference)) throw refused('a parameter in it is no tensor');
      return tensor;
    }),
  ],
  ['torch FloatStorage', storageOf('f32')],
  ['torch DoubleStorage', storageOf('f64')],
  ['torch HalfStorage', storageOf('f16')],
  ['torch BFloat16Storage', storageOf('bf16')],
  ['torch LongStorage', storageOf('i64')],
  ['torch IntStorage', storageOf('i32')],
  ['torch ShortStorage', storageOf('i16')],
  ['torch CharStorage', storageOf('i8')],
  ['torch ByteStorage', storageOf('u8')],
  ['torch BoolStorage', storageOf('bool')],
  ['torch device', opaque('device')],
  ['torch Size', new Callable(([size]) => size ?? [])],
  ['_codecs encode', new Callable(encoded)],
  ['numpy dtype', opaque('dtype')],
  ['numpy ndarray', opaque('ndarray')],
  ['numpy.core.multiarray scalar', new Callable(numpyScalar)],
  ['numpy._core.multiarray scalar', new Callable(numpyScalar)],
  ['numpy.core.multiarray _reconstruct', opaque('array')],
  ['numpy._core.multiarray _reconstruct', opaque('array')],
]);

function isNatural(value: Plain | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isNaturals(value: Plain | undefined): value is number[] {
  return Array.isArray(value) && value.every(isNatural);
}

function refused(why: string): StudioError {
  return new StudioError('invalid-file', `This checkpoint cannot be read: ${why}.`);
}
