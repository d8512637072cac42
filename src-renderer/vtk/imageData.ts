import vtkDataArray from '@kitware/vtk.js/Common/Core/DataArray';
import vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
import { spacing, type Volume, type VoxelArray } from '#shared/geometry/grid.ts';
import { axisDirection } from '../../src-shared/geometry/viewPlane.ts';

/** Lowest and highest of a value array; NaN is passed over. Samples at most about a million values of a large one. */
export function valueRange(data: VoxelArray): readonly [number, number] {
  const step = Math.max(1, Math.floor(data.length / 1_000_000));
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < data.length; index += step) {
    const value = data[index] ?? 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** What textures can hold: 8-bit, 16-bit and single precision as they are, everything else in single precision. */
function drawable(data: VoxelArray): VoxelArray {
  const asItIs = data instanceof Uint8Array || data instanceof Int16Array || data instanceof Uint16Array || data instanceof Float32Array;
  return asItIs ? data : Float32Array.from(data);
}

/** A volume as vtk image data in true LPS geometry, sharing the voxels where textures can hold their type. `range` spares vtk a pass over all of them. */
export function toImageData(volume: Volume, range: readonly [number, number]): vtkImageData {
  const { grid, data } = volume;
  const [i, j, k] = [0, 1, 2].map((axis) => axisDirection(grid.affine, axis));
  const image = vtkImageData.newInstance({
    spacing: [...spacing(grid)],
    origin: [grid.affine[3], grid.affine[7], grid.affine[11]],
    direction: [...(i ?? []), ...(j ?? []), ...(k ?? [])],
  } as object);
  image.setDimensions([...grid.size]);
  const scalars = vtkDataArray.newInstance({
    name: 'voxels',
    numberOfComponents: 1,
    values: drawable(data),
    ranges: [{ min: range[0], max: range[1] }],
  } as object);
  image.getPointData().setScalars(scalars);
  return image;
}
