import { affineFrom } from '#shared/geometry/affine.ts';
import type { Affine, Grid, Triple } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import type { Compression } from '../byteSource.ts';
import type { ElementType } from '../elements.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { slicerCode } from '../labelCodes.ts';
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
  readonly segments: readonly NrrdSegment[];
  /** Layers that segments lie in; null: one. */
  readonly layers: Stack | null;
  /** Volumes of one place, where these are no layers; null: one. */
  readonly volumes: Stack | null;
  readonly warnings: string[];
}

/** Several values of each voxel, and whether a voxel's follow each other or whole volumes do. */
export interface Stack {
  readonly count: number;
  readonly together: boolean;
}

/** A segment of 3D Slicer: its value in its layer. */
export interface NrrdSegment extends FileLabel {
  readonly layer: number;
}

const types: Readonly<Record<string, ElementType>> = {
  'signed char': 'int8',
  int8: 'int8',
  int8_t: 'int8',
  uchar: 'uint8',
  'unsigned char': 'uint8',
  uint8: 'uint8',
  uint8_t: 'uint8',
  short: 'int16',
  'short int': 'int16',
  'signed short': 'int16',
  'signed short int': 'int16',
  int16: 'int16',
  int16_t: 'int16',
  ushort: 'uint16',
  'unsigned short': 'uint16',
  'unsigned short int': 'uint16',
  uint16: 'uint16',
  uint16_t: 'uint16',
  int: 'int32',
  'signed int': 'int32',
  int32: 'int32',
  int32_t: 'int32',
  uint: 'uint32',
  'unsigned int': 'uint32',
  uint32: 'uint32',
  uint32_t: 'uint32',
  longlong: 'int64',
  'long long': 'int64',
  'long long int': 'int64',
  int64: 'int64',
  int64_t: 'int64',
  ulonglong: 'uint64',
  'unsigned long long': 'uint64',
  uint64: 'uint64',
  uint64_t: 'uint64',
  float: 'float32',
  double: 'float64',
};

/** Signs that turn a named space's x, y and z into LPS. */
const spaces: Readonly<Record<string, Triple>> = {
  'left-posterior-superior': [1, 1, 1],
  lps: [1, 1, 1],
  'right-anterior-superior': [-1, -1, 1],
  ras: [-1, -1, 1],
  'left-anterior-superior': [1, -1, 1],
  las: [1, -1, 1],
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
  if (!['raw', 'gzip', 'gz'].includes(encoding))
    throw unsupportedFile(path, `is encoded as ${encoding.slice(0, 20)}; save it with raw or gzip encoding.`);
  if (Number(fields.get('line skip') ?? 0) !== 0)
    throw unsupportedFile(path, 'asks to skip lines of text before its voxels, which is not read here.');
  const byteSkip = Number(fields.get('byte skip') ?? 0);
  if (!Number.isInteger(byteSkip) || byteSkip < -1 || (byteSkip === -1 && encoding !== 'raw'))
    throw invalidFile(path, 'says where its voxels begin in a way that cannot be.');
  const dataFile = fields.get('data file') ?? fields.get('datafile') ?? null;
  if (dataFile !== null && /^LIST\b|%.*\s/.test(dataFile))
    throw unsupportedFile(path, 'is spread over several data files; save it as one file.');
  const warnings: string[] = [];
  const segments = segmentsOf(custom);
  return {
    ...placeOf(path, fields, need, segments.length > 0, warnings),
    type,
    littleEndian: (fields.get('endian') ?? 'little').toLowerCase() !== 'big',
    compression: encoding === 'raw' ? 'none' : 'gzip',
    dataFile,
    byteSkip,
    segments,
    warnings,
  };
}

/** How many volumes the begin of a file announces; 1 for what cannot be read. */
export function nrrdVolumes(text: string): number {
  try {
    return parseNrrdHeader('', text.split(/\r?\n\r?\n/, 1)[0] ?? '').volumes?.count ?? 1;
  } catch {
    return 1;
  }
}

function fieldsOf(text: string): { fields: Map<string, string>; custom: Map<string, string> } {
  const fields = new Map<string, string>(),
    custom = new Map<string, string>();
  for (const line of text.split(/\r?\n/).slice(1)) {
    const match = /^([^:#][^:]*):(=?)\s?(.*)$/.exec(line);
    if (match)
      (match[2] === '=' ? custom : fields).set(
        match[2] === '=' ? (match[1] ?? '') : (match[1] ?? '').trim().toLowerCase(),
        (match[3] ?? '').trim(),
      );
  }
  return { fields, custom };
}

function placeOf(
  path: string,
  fields: Map<string, string>,
  need: (name: string) => string,
  hasSegments: boolean,
  warnings: string[],
): Pick<NrrdHeader, 'grid' | 'layers' | 'volumes'> {
  const dimension = Number(need('dimension'));
  const sizes = need('sizes').split(/\s+/).map(Number);
  if (!Number.isInteger(dimension) || sizes.length !== dimension || sizes.some((n) => !Number.isInteger(n) || n < 1))
    throw invalidFile(path, 'contradicts itself about its size.');
  const { directions, origin } = framesOf(path, fields, dimension);
  const { spatial, stack, isColor } = axesOf(path, fields, sizes, directions);
  if (isColor && !hasSegments)
    throw unsupportedFile(path, `holds several values a voxel (${sizes.join(' × ')}); a volume of single intensities is needed.`);
  const stacked = hasSegments ? { layers: stack, volumes: null } : { layers: null, volumes: stack };
  const size = [0, 1, 2].map((n) => (spatial[n] === undefined ? 1 : (sizes[spatial[n]] as number)));
  if (!directions) {
    const spacings = fields.get('spacings')?.split(/\s+/).map(Number) ?? [];
    const mm = [0, 1, 2].map((n) => (spatial[n] === undefined ? 1 : spacings[spatial[n]] || 1)) as unknown as Triple;
    warnings.push('The file does not say where it lies in the patient; left and right are unknown.');
    return { ...stacked, grid: checkedGrid(path, size, [mm[0], 0, 0, 0, 0, mm[1], 0, 0, 0, 0, mm[2], 0]) };
  }
  const named = (fields.get('space') ?? '').toLowerCase().replace(/-time$|(?<=^[rl][ap]s)t$/, '');
  const signs = spaces[named];
  if (!signs) warnings.push(`The file names no patient space ('${named.slice(0, 40)}'); it is read as left-posterior-superior.`);
  const columns = spatial.map((axis) => directions[axis] as readonly number[]);
  if (columns.some((column) => column.length !== 3) || origin.length !== 3)
    throw invalidFile(path, 'gives directions that are not three-dimensional.');
  const affine = affineFrom({
    origin: origin as unknown as Triple,
    axes: columns as unknown as [Triple, Triple, Triple],
    spacing: [1, 1, 1],
  });
  const sign = (n: number): number => (signs ?? [1, 1, 1])[Math.floor(n / 4)] as number;
  return { ...stacked, grid: checkedGrid(path, size, affine.map((x, n) => (x === 0 ? 0 : x * sign(n))) as unknown as Affine) };
}

/** The origin, and the direction of each axis: null for one that is none of space; null for all where the file gives none. */
function framesOf(
  path: string,
  fields: Map<string, string>,
  dimension: number,
): { directions: readonly (readonly number[] | null)[] | null; origin: readonly number[] } {
  const origin = vectorOf(fields.get('space origin') ?? '(0,0,0)');
  const directions =
    fields
      .get('space directions')
      ?.match(/none|\([^)]*\)/gi)
      ?.map((part) => (part.toLowerCase() === 'none' ? null : vectorOf(part))) ?? null;
  if (directions && directions.length !== dimension) throw invalidFile(path, 'contradicts itself about its directions.');
  // ITK counts time as a fourth dimension of space: an axis of its own, and nothing of the others.
  const [, , , time] = directions ?? [];
  const isTimeApart = time?.length === 4 && time.slice(0, 3).every((x) => x === 0);
  if (directions?.length !== 4 || !isTimeApart || directions.slice(0, 3).some((vector) => vector?.[3] !== 0)) return { directions, origin };
  return { directions: [...directions.slice(0, 3).map((vector) => vector?.slice(0, 3) ?? null), null], origin: origin.slice(0, 3) };
}

/** Axes of space, and the one along which several volumes or layers lie. */
function axesOf(
  path: string,
  fields: Map<string, string>,
  sizes: readonly number[],
  directions: readonly (readonly number[] | null)[] | null,
): { spatial: readonly number[]; stack: Stack | null; isColor: boolean } {
  const last = sizes.length - 1;
  const kinds = fields.get('kinds')?.toLowerCase().split(/\s+/) ?? [];
  const kindOf = (axis: number): string => kinds[axis] ?? 'none';
  const axes = sizes.map((_, axis) => axis);
  const lists = axes.filter((axis) => !/^(domain|space|none|\?+)$/.test(kindOf(axis)));
  // Axes that are no axes of space (colours, layers, volumes) are dropped where they hold one element.
  const spatial = axes
    .filter((axis) => (directions ? directions[axis] !== null : sizes.length < 4 || !lists.includes(axis)))
    .filter((axis, _, all) => all.length <= 3 || sizes[axis] !== 1)
    // Where nothing tells which, volumes follow each other.
    .filter((axis, _, all) => directions !== null || all.length !== 4 || axis !== all[3]);
  const [other, ...others] = axes.filter((axis) => !spatial.includes(axis) && (sizes[axis] ?? 1) > 1);
  const isColor = other !== undefined && !/^(list|time|domain|space|none|\?+)$/.test(kindOf(other));
  if (spatial.length > 3 || others.length > 0 || (other !== undefined && other !== 0 && other !== last))
    throw unsupportedFile(
      path,
      `is ${sizes.length}-dimensional (${sizes.join(' × ')}): several volumes or colours in more ways than one; split it into single 3-D volumes first.`,
    );
  if (spatial.length < 3 && directions) throw unsupportedFile(path, 'is a flat picture, not a volume.');
  return { spatial, isColor, stack: other === undefined ? null : { count: sizes[other] ?? 1, together: other === 0 } };
}

function vectorOf(text: string): number[] {
  return text
    .replace(/[()]/g, '')
    .split(',')
    .map((part) => (part.trim() === '' ? NaN : Number(part)));
}

/** Segment names, colours and codes as 3D Slicer writes them into .seg.nrrd files. */
function segmentsOf(custom: Map<string, string>): NrrdSegment[] {
  const labels: NrrdSegment[] = [];
  for (let n = 0; n < 65535; n++) {
    const name = custom.get(`Segment${n}_Name`);
    const value = Number(custom.get(`Segment${n}_LabelValue`) ?? n + 1);
    if (name === undefined) break;
    const rgb = (custom.get(`Segment${n}_Color`) ?? '').split(/\s+/).map(Number);
    const color =
      rgb.length === 3 && rgb.every((x) => x >= 0 && x <= 1)
        ? `#${rgb
            .map((x) =>
              Math.round(x * 255)
                .toString(16)
                .padStart(2, '0'),
            )
            .join('')}`
        : null;
    const code = slicerCode(/TerminologyEntry:([^|]*)/.exec(custom.get(`Segment${n}_Tags`) ?? '')?.[1] ?? '');
    const layer = Number(custom.get(`Segment${n}_Layer`) ?? 0);
    labels.push({ value, name, layer, ...(color !== null && { color }), ...(code !== undefined && { code }) });
  }
  return labels;
}
