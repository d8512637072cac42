import { StudioError } from '#shared/base/errors.ts';
import { applyAffine, invertAffine } from '#shared/geometry/affine.ts';
import { spacing, voxelCount, type Grid, type LabelVolume, type Triple } from '#shared/geometry/grid.ts';
import type { ImageFormat } from './types.ts';
import { orientationCode, reorientVolume, sameGrid } from '#shared/geometry/orientation.ts';

export interface FittedMask {
  readonly volume: LabelVolume;
  /** What a person should know of where the mask lies; null where there is nothing to say. */
  readonly remark: string | null;
}

/** Voxels of an offset: up to the first it is the same place, up to the second it is taken and said. */
const samePlace = 0.1;
const takenPlace = 0.5;

/**
 * A mask on an image's voxels, without resampling: other axis orders and directions are reordered. DICOM SEG and segmentations of 3D Slicer, which
 * may hold a part of the image (or more), are cut and filled up with background; any other mask has to be of the image's size. The largest offset of any voxel centre decides. Throws `invalid-file` from half a voxel on, with its size.
 */
export function fitMask(mask: LabelVolume, format: ImageFormat, grid: Grid): FittedMask {
  const turned = turnedTo(mask, grid);
  if (sameGrid(turned.grid, grid)) return { volume: { grid, data: turned.data } as LabelVolume, remark: null };
  if (format !== 'dicom-seg' && format !== 'nrrd' && turned.grid.size.some((n, axis) => n !== grid.size[axis]))
    throw new StudioError('invalid-file', `The mask does not lie on the image’s voxels.${sizes(turned.grid, grid)}`);
  const { shift, offset } = offsetOf(turned.grid, grid);
  const largest = Math.max(...offset);
  if (!(largest < takenPlace)) throw new StudioError('invalid-file', refusal(turned.grid, grid, offset));
  const axis = offset.indexOf(largest);
  const remarks = [];
  if (largest > samePlace) remarks.push(`It lies ${figures(offset, grid, axis)}, and is taken as if it did not.`);
  const whole = shift.every((n) => n === 0) && turned.grid.size.every((n, each) => n === grid.size[each]);
  if (whole) return { volume: { grid, data: turned.data } as LabelVolume, remark: remarks[0] ?? null };
  const { volume, lost, kept } = cut(turned, grid, shift);
  if (lost > 0 && kept === 0)
    throw new StudioError('invalid-file', 'The mask does not lie on the image’s voxels: all of it lies outside the image.');
  if (lost > 0) remarks.push(`${lost.toLocaleString('en')} of its voxels lie outside the image and are left out.`);
  return { volume, remark: remarks.join(' ') || null };
}

function turnedTo(mask: LabelVolume, grid: Grid): LabelVolume {
  const code = orientationCode(grid.affine);
  return mask.data instanceof Uint8Array
    ? reorientVolume({ grid: mask.grid, data: mask.data }, code)
    : reorientVolume({ grid: mask.grid, data: mask.data }, code);
}

/** The whole voxels by which the mask's first voxel lies inside the image, and the largest remaining offset of a voxel centre, in voxels along i, j, k. */
function offsetOf(mask: Grid, image: Grid): { shift: Triple; offset: Triple } {
  const toImage = invertAffine(image.affine);
  const at = (corner: Triple): Triple => applyAffine(toImage, applyAffine(mask.affine, corner)) as Triple;
  const [i, j, k] = at([0, 0, 0]);
  const isWhole = mask.size.every((n, axis) => n === image.size[axis]);
  const shift: Triple = isWhole ? [0, 0, 0] : [Math.round(i), Math.round(j), Math.round(k)];
  const offset = [0, 0, 0];
  for (let corner = 0; corner < 8; corner++) {
    // A slice of its own has no neighbour that its distance could be told by.
    const index = mask.size.map((n, axis) => ((corner >> axis) & 1) * (n - 1)) as unknown as Triple;
    at(index).forEach((x, axis) => {
      offset[axis] = Math.max(offset[axis] ?? 0, Math.abs(x - (index[axis] ?? 0) - (shift[axis] ?? 0)));
    });
  }
  return { shift, offset: offset as unknown as Triple };
}

function cut(mask: LabelVolume, grid: Grid, shift: Triple): { volume: LabelVolume; lost: number; kept: number } {
  const [ni, nj, nk] = mask.grid.size;
  const [wi, wj, wk] = grid.size;
  const data = new (mask.data.constructor as Uint8ArrayConstructor)(voxelCount(grid));
  let [lost, kept] = [0, 0];
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++)
      for (let i = 0; i < ni; i++) {
        const value = mask.data[i + ni * (j + nj * k)] as number;
        if (value === 0) continue;
        const [x, y, z] = [i + shift[0], j + shift[1], k + shift[2]];
        if (x < 0 || y < 0 || z < 0 || x >= wi || y >= wj || z >= wk) lost++;
        else {
          data[x + wi * (y + wj * z)] = value;
          kept++;
        }
      }
  return { volume: { grid, data } as LabelVolume, lost, kept };
}

function refusal(mask: Grid, image: Grid, offset: Triple): string {
  const axis = offset.indexOf(Math.max(...offset));
  return `The mask does not lie on the image’s voxels: it lies ${figures(offset, image, axis)}.${mask.size.every((n, each) => n === image.size[each]) ? '' : sizes(mask, image)}`;
}

function sizes(mask: Grid, image: Grid): string {
  return ` It has ${mask.size.join('×')} voxels, the image ${image.size.join('×')}.`;
}

function figures(offset: Triple, grid: Grid, axis: number): string {
  const voxels = offset[axis] ?? 0;
  const millimetres = voxels * (spacing(grid)[axis] ?? 1);
  return `up to ${millimetres.toPrecision(3)} mm (${voxels.toPrecision(2)} voxels) off along the image’s ${['first', 'second', 'third'][axis] ?? ''} axis`;
}
