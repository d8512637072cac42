import { NIFTI1, NIFTI2 } from 'nifti-reader-js';
import { flipRasLps } from '#shared/geometry/affine.ts';
import type { Affine, Grid } from '#shared/geometry/grid.ts';
import { checkedGrid } from '../checkVolume.ts';
import type { ElementType } from '../elements.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';

export interface NiftiHeader {
  readonly version: 1 | 2;
  readonly grid: Grid;
  /** Volumes that follow each other in the file, on the same grid. */
  readonly volumes: number;
  readonly type: ElementType;
  readonly littleEndian: boolean;
  /** Where the voxels begin in the file. */
  readonly voxelOffset: number;
  /** Stored value · slope + intercept is the intensity. */
  readonly slope: number;
  readonly intercept: number;
  readonly warnings: string[];
}

/** Bytes to read before a header can be parsed: enough for either version. */
export const niftiHeaderBytes = 544;

const elementTypes: Readonly<Record<number, ElementType>> = {
  [NIFTI1.TYPE_UINT8]: 'uint8',
  [NIFTI1.TYPE_INT16]: 'int16',
  [NIFTI1.TYPE_INT32]: 'int32',
  [NIFTI1.TYPE_FLOAT32]: 'float32',
  [NIFTI1.TYPE_FLOAT64]: 'float64',
  [NIFTI1.TYPE_INT8]: 'int8',
  [NIFTI1.TYPE_UINT16]: 'uint16',
  [NIFTI1.TYPE_UINT32]: 'uint32',
  [NIFTI1.TYPE_INT64]: 'int64',
  [NIFTI1.TYPE_UINT64]: 'uint64',
};

const colorTypes: readonly number[] = [NIFTI1.TYPE_RGB24, 2304];

/** The version of a NIfTI header, by its leading size in either byte order, or null for another format. */
export function niftiVersion(bytes: Uint8Array): 1 | 2 | null {
  if (bytes.length < 348) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const is = (size: number): boolean => view.getInt32(0, true) === size || view.getInt32(0, false) === size;
  const magic = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 3));
  if (is(348) && /^n[+i]1$/.test(magic(344))) return 1;
  return is(540) && /^n[+i]2$/.test(magic(4)) ? 2 : null;
}

/** How many volumes a NIfTI header announces; 1 for what is none. */
export function niftiVolumes(head: Uint8Array): number {
  const version = niftiVersion(head);
  if (version === null || head.length < (version === 1 ? 348 : 540)) return 1;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const little = view.getInt32(0, true) === (version === 1 ? 348 : 540);
  const size = (axis: number): number =>
    version === 1 ? view.getInt16(40 + 2 * axis, little) : Number(view.getBigInt64(16 + 8 * axis, little));
  return size(0) === 4
    ? Math.max(1, size(4))
    : size(0) > 4 && [5, 6, 7].slice(0, size(0) - 4).every((axis) => size(axis) === 1)
      ? Math.max(1, size(4))
      : 1;
}

/**
 * Parses the first `niftiHeaderBytes` of a NIfTI-1 or -2 file. Position: sform, else qform, else voxel sizes alone with a warning.
 * Throws `invalid-file` on impossible numbers, `unsupported` on more than four dimensions, colour, complex and two-file images.
 */
export function parseNiftiHeader(path: string, bytes: Uint8Array): NiftiHeader {
  const version = niftiVersion(bytes);
  if (version === null || (version === 2 && bytes.length < 540)) throw invalidFile(path, 'is no NIfTI file, or its header is damaged.');
  const length = version === 1 ? 348 : 540;
  const own = bytes.slice(0, length);
  const header = version === 1 ? new NIFTI1() : new NIFTI2();
  header.readHeader(own.buffer);
  if (String.fromCharCode(own[version === 1 ? 345 : 5] ?? 0) === 'i') {
    throw unsupportedFile(path, 'is one half of a .hdr/.img pair; save the image as one .nii file.');
  }
  const rank = header.dims[0] ?? 0;
  if (!Number.isInteger(rank) || rank < 1 || rank > 7) throw invalidFile(path, `claims ${rank} dimensions, which cannot be.`);
  const sizes = [1, 2, 3, 4, 5, 6, 7].map((axis) => (axis <= rank ? (header.dims[axis] ?? 0) : 1));
  const volumes = sizes[3] ?? 1;
  if (sizes.slice(4).some((n) => n !== 1)) {
    throw unsupportedFile(path, `is ${rank}-dimensional (${sizes.slice(0, rank).join(' × ')}); split it into single 3-D volumes first.`);
  }
  if (!Number.isInteger(volumes) || volumes < 1) throw invalidFile(path, `claims to hold ${volumes} volumes, which cannot be.`);
  const type = elementTypes[header.datatypeCode];
  if (!type) {
    throw unsupportedFile(
      path,
      colorTypes.includes(header.datatypeCode)
        ? 'is a colour image; a volume of single intensities is needed.'
        : `stores voxels in a type that is not read here (datatype ${header.datatypeCode}).`,
    );
  }
  const voxelOffset = Math.max(Math.floor(header.vox_offset), 0) || (version === 1 ? 352 : 544);
  if (!Number.isSafeInteger(voxelOffset) || voxelOffset < length || voxelOffset > 1 << 28)
    throw invalidFile(path, `says that its voxels begin at byte ${header.vox_offset}, which cannot be.`);
  const warnings: string[] = [];
  const affine = positionOf(header, own, warnings);
  const hasScale = Number.isFinite(header.scl_slope) && header.scl_slope !== 0 && Number.isFinite(header.scl_inter);
  return {
    version,
    grid: checkedGrid(path, sizes.slice(0, 3), affine),
    volumes,
    type,
    littleEndian: header.littleEndian,
    voxelOffset,
    slope: hasScale ? header.scl_slope : 1,
    intercept: hasScale ? header.scl_inter : 0,
    warnings,
  };
}

function positionOf(header: NIFTI1 | NIFTI2, bytes: Uint8Array, warnings: string[]): Affine {
  // The library keeps the sform only where it prefers it to the qform, so that the rows are read here.
  const view = new DataView(bytes.buffer);
  const ras =
    header.sform_code > 0 ? sform(header instanceof NIFTI1, view, header.littleEndian) : header.qform_code > 0 ? qform(header) : null;
  if (!ras) warnings.push('The file does not say where it lies in the patient; left and right are unknown.');
  const [, di = 1, dj = 1, dk = 1] = header.pixDims.map((mm) => Math.abs(mm) || 1);
  const affine = flipRasLps(ras ?? [di, 0, 0, 0, 0, dj, 0, 0, 0, 0, dk, 0]);
  const unit = { [NIFTI1.UNITS_METER]: 1000, [NIFTI1.UNITS_MICRON]: 0.001 }[header.xyzt_units & NIFTI1.SPATIAL_UNITS_MASK] ?? 1;
  if (unit === 1) return affine;
  warnings.push(`The file measures in ${unit === 1000 ? 'metres' : 'micrometres'}; it is read in millimetres.`);
  return affine.map((x) => x * unit) as unknown as Affine;
}

function sform(isVersion1: boolean, view: DataView, littleEndian: boolean): Affine {
  return Array.from({ length: 12 }, (_, n) =>
    isVersion1 ? view.getFloat32(280 + 4 * n, littleEndian) : view.getFloat64(400 + 8 * n, littleEndian),
  ) as unknown as Affine;
}

/** Quaternion, voxel sizes and offset to an affine: "method 2" of nifti1.h. */
function qform({ quatern_b, quatern_c, quatern_d, qoffset_x, qoffset_y, qoffset_z, pixDims }: NIFTI1 | NIFTI2): Affine {
  const squares = quatern_b ** 2 + quatern_c ** 2 + quatern_d ** 2;
  const norm = squares > 1 ? Math.sqrt(squares) : 1;
  const [b, c, d] = [quatern_b / norm, quatern_c / norm, quatern_d / norm];
  const a = Math.sqrt(Math.max(0, 1 - squares));
  const [qfac = 1, di = 1, dj = 1, dk = 1] = pixDims;
  const [x, y, z] = [Math.abs(di) || 1, Math.abs(dj) || 1, (Math.abs(dk) || 1) * (qfac < 0 ? -1 : 1)];
  return [
    (a * a + b * b - c * c - d * d) * x,
    2 * (b * c - a * d) * y,
    2 * (b * d + a * c) * z,
    qoffset_x,
    2 * (b * c + a * d) * x,
    (a * a + c * c - b * b - d * d) * y,
    2 * (c * d - a * b) * z,
    qoffset_y,
    2 * (b * d - a * c) * x,
    2 * (c * d + a * b) * y,
    (a * a + d * d - b * b - c * c) * z,
    qoffset_z,
  ];
}
