import { affineFrom } from '#shared/geometry/affine.ts';
import type { Affine, Grid, Triple } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import type { Compression } from '../byteSource.ts';
import type { ElementType } from '../elements.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import type { FileLabel } from '../types.ts';

export interface NrrdHeader {
  readonly grid: Grid;
  readonly type: ElementType;
  readonly littleEndian: boolean;
  readonly compression: Compression;
  /** Name of a separate data file, or null where the voxels follow the header. */
  readonly dataFile: string | null;
  /** Bytes to skip before the voxels; -1: the voxels are the file's last bytes. */
  readonly byteSkip: number;
  readonly labels: readonly FileLabel[];
  readonly warnings: string[];
}

const types: Readonly<Record<string, ElementType>> = {
  'signed char': 'int8', int8: 'int8', int8_t: 'int8', uchar: 'uint8', 'unsigned char': 'uint8', uint8: 'uint8', uint8_t: 'uint8',
  short: 'int16', 'short int': 'int16', 'signed short': 'int16', 'signed short int': 'int16', int16: 'int16', int16_t: 'int16',
  ushort: 'uint16', 'unsigned short': 'uint16', 'unsigned short int': 'uint16', uint16: 'uint16', uint16_t: 'uint16',
  int: 'int32', 'signed int': 'int32', int32: 'int32', int32_t: 'int32', uint: 'uint32', 'unsigned int': 'uint32', uint32: 'uint32', uint32_t: 'uint32',
  longlong: 'int64', 'long long': 'int64', 'long long int': 'int64', int64: 'int64', int64_t: 'int64',
  ulonglong: 'uint64', 'unsigned long long': 'uint64', uint64: 'uint64', uint64_t: 'uint64', float: 'float32', double: 'float64',
};

/** Signs that turn a named space's x, y and z into LPS. */
const spaces: Readonly<Record<string, Triple>> = {
  'left-posterior-superior': [1, 1, 1], lps: [1, 1, 1], 'right-anterior-superior': [-1, -1, 1], ras: [-1, -1, 1],
  'left-anterior-superior': [1, -1, 1], las: [1, -1, 1],
};

/** Parses the text of an NRRD header. Throws `invalid-file` or `unsupported`. */
export function parseNrrdHeader(path: string, text: string): NrrdHeader {
  const { fields, custom } = fieldsOf(text);
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw invalidFile(path, `has no '${name}' in its header.`);
    return value;
  };
  const type = types[need('type').toLowerCase()];
  if (!type) throw unsupportedFile(path, `stores voxels in a type that is not read here (${need('type').slice(0, 40)}).`);
  const encoding = (fields.get('encoding') ?? 'raw').toLowerCase();
  if (!['raw', 'gzip', 'gz'].includes(encoding)) throw unsupportedFile(path, `is encoded as ${encoding.slice(0, 20)}; save it with raw or gzip encoding.`);
  if (Number(fields.get('line skip') ?? 0) !== 0) throw unsupportedFile(path, 'asks to skip lines of text before its voxels, which is not read here.');
  const byteSkip = Number(fields.get('byte skip') ?? 0);
  if (!Number.isInteger(byteSkip) || byteSkip < -1 || (byteSkip === -1 && encoding !== 'raw')) throw invalidFile(path, 'says where its voxels begin in a way that cannot be.');
  const dataFile = fields.get('data file') ?? fields.get('datafile') ?? null;
  if (dataFile !== null && /^LIST\b|%.*\s/.test(dataFile)) throw unsupportedFile(path, 'is spread over several data files; save it as one file.');
  const warnings: string[] = [];
  return {
    ...placeOf(path, fields, need, warnings),
    type,
    littleEndian: (fields.get('endian') ?? 'little').toLowerCase() !== 'big',
    compression: encoding === 'raw' ? 'none' : 'gzip',
    dataFile,
    byteSkip,
    labels: segmentsOf(custom),
    warnings,
  };
}

function fieldsOf(text: string): { fields: Map<string, string>; custom: Map<string, string> } {
  const fields = new Map<string, string>(), custom = new Map<string, string>();
  for (const line of text.split(/\r?\n/).slice(1)) {
    const match = /^([^:#][^:]*):(=?)\s?(.*)$/.exec(line);
    if (match) (match[2] === '=' ? custom : fields).set(match[2] === '=' ? (match[1] ?? '') : (match[1] ?? '').trim().toLowerCase(), (match[3] ?? '').trim());
  }
  return { fields, custom };
}

function placeOf(path: string, fields: Map<string, string>, need: (name: string) => string, warnings: string[]): { grid: Grid } {
  const dimension = Number(need('dimension'));
  const sizes = need('sizes').split(/\s+/).map(Number);
  if (!Number.isInteger(dimension) || sizes.length !== dimension || sizes.some((n) => !Number.isInteger(n) || n < 1)) throw invalidFile(path, 'contradicts itself about its size.');
  const directions = fields.get('space directions')?.match(/none|\([^)]*\)/gi)?.map((part) => (part.toLowerCase() === 'none' ? null : vectorOf(part)));
  if (directions && directions.length !== dimension) throw invalidFile(path, 'contradicts itself about its directions.');
  // Axes that are no axes of space (colours, layers) are dropped where they hold one element.
  const spatial = sizes.map((_, axis) => axis).filter((axis) => (directions ? directions[axis] !== null : true)).filter((axis, _, all) => all.length <= 3 || sizes[axis] !== 1);
  const others = sizes.filter((n, axis) => !spatial.includes(axis) && n > 1);
  if (spatial.length > 3 || others.length > 0) throw unsupportedFile(path, `is ${dimension}-dimensional (${sizes.join(' × ')}): several volumes, colours or overlapping layers; split it into single 3-D volumes first.`);
  if (spatial.length < 3 && directions) throw unsupportedFile(path, 'is a flat picture, not a volume.');
  const size = [0, 1, 2].map((n) => (spatial[n] === undefined ? 1 : (sizes[spatial[n]] as number)));
  if (!directions) {
    const spacings = fields.get('spacings')?.split(/\s+/).map(Number) ?? [];
    const mm = [0, 1, 2].map((n) => (spatial[n] === undefined ? 1 : spacings[spatial[n]] || 1)) as unknown as Triple;
    warnings.push('The file does not say where it lies in the patient; left and right are unknown.');
    return { grid: checkedGrid(path, size, [mm[0], 0, 0, 0, 0, mm[1], 0, 0, 0, 0, mm[2], 0]) };
  }
  const named = (fields.get('space') ?? '').toLowerCase();
  const signs = spaces[named];
  if (!signs) warnings.push(`The file names no patient space ('${named.slice(0, 40)}'); it is read as left-posterior-superior.`);
  const columns = spatial.map((axis) => directions[axis] as readonly number[]);
  const origin = vectorOf(fields.get('space origin') ?? '(0,0,0)');
  if (columns.some((column) => column.length !== 3) || origin.length !== 3) throw invalidFile(path, 'gives directions that are not three-dimensional.');
  const affine = affineFrom({ origin: origin as unknown as Triple, axes: columns as unknown as [Triple, Triple, Triple], spacing: [1, 1, 1] });
  const sign = (n: number): number => (signs ?? [1, 1, 1])[Math.floor(n / 4)] as number;
  return { grid: checkedGrid(path, size, affine.map((x, n) => (x === 0 ? 0 : x * sign(n))) as unknown as Affine) };
}

function vectorOf(text: string): number[] {
  return text.replace(/[()]/g, '').split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
}

/** Segment names and colours as 3D Slicer writes them into .seg.nrrd files. */
function segmentsOf(custom: Map<string, string>): FileLabel[] {
  const labels: FileLabel[] = [];
  for (let n = 0; n < 65535; n++) {
    const name = custom.get(`Segment${n}_Name`);
    const value = Number(custom.get(`Segment${n}_LabelValue`) ?? n + 1);
    if (name === undefined) break;
    const rgb = (custom.get(`Segment${n}_Color`) ?? '').split(/\s+/).map(Number);
    const color = rgb.length === 3 && rgb.every((x) => x >= 0 && x <= 1) ? `#${rgb.map((x) => Math.round(x * 255).toString(16).padStart(2, '0')).join('')}` : null;
    labels.push(color === null ? { value, name } : { value, name, color });
  }
  return labels;
}
