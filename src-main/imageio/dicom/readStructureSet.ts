import { createHash } from 'node:crypto';
import { applyAffine, invertAffine } from '#shared/geometry/affine.ts';
import { enclosedPixels, type Loop } from '#shared/geometry/contours.ts';
import { voxelCount, type Grid, type Triple } from '#shared/geometry/grid.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { LayeredLabels } from '../layeredLabels.ts';
import type { DecodedImage } from '../types.ts';
import { parsedWhole } from './describe.ts';
import { referencesOf, structuresOf, type Structure } from './structureSet.ts';

/** Slices that a contour may lie beside the one that it is taken for, before it is said. */
const samePlace = 0.1;
/** A contour that reaches over more of a slice does not lie in its plane. */
const flat = 0.5;

/** A contour in voxels, in the plane of a slice across `axis`. */
interface PlacedContour {
  readonly axis: 0 | 1 | 2;
  readonly slice: number;
  /** From the middle of the slice, in slices. */
  readonly offset: number;
  readonly loop: Loop;
  readonly byParity: boolean;
}

/**
 * Reads an RTSTRUCT as labels on the voxels of the images that it was drawn on: a voxel belongs to a structure when at least half of its area in the
 * slice is enclosed. Each contour is placed by its own points; a structure's value is its place in the file. Throws `unsupported` without a grid,
 * `invalid-file` where no contour lies on it.
 */
export async function readStructureSet(path: string, grid: Grid | null): Promise<DecodedImage> {
  if (grid === null)
    throw unsupportedFile(
      path,
      'is a set of contours (RTSTRUCT), which can be read only together with the images that they were drawn on.',
    );
  const { file, bytes } = await parsedWhole(path);
  const structures = structuresOf(file.dataset);
  if (structures.length > 65535) throw unsupportedFile(path, 'holds more than 65,535 structures.');
  const warnings: string[] = [];
  const labels = new LayeredLabels(
    path,
    voxelCount(grid),
    structures.map(({ value }) => value),
  );
  const tally = { empty: [] as string[], outside: 0, placed: 0 };
  for (const structure of structures) fill(structure, grid, labels, tally, warnings);
  if (tally.placed === 0 && tally.outside > 0)
    throw invalidFile(path, 'does not lie on these images: none of its contours lies in a slice of theirs.');
  if (tally.empty.length > 0)
    warnings.push(
      `Without closed contours, and left out: ${tally.empty.slice(0, 20).join(', ')}${tally.empty.length > 20 ? ' and more' : ''}.`,
    );
  const { series, framesOfReference } = referencesOf(file.dataset);
  return {
    volume: { grid, data: labels.data },
    modality: 'unknown',
    format: 'rtstruct',
    contentHash: createHash('sha256').update(bytes).digest('hex'),
    warnings,
    source: {
      studyInstanceUid: file.dataset.string('StudyInstanceUID'),
      seriesInstanceUid: series[0] ?? '',
      frameOfReferenceUid: framesOfReference[0] ?? '',
      sopClassUid: '',
      instances: [],
    },
    fileLabels: structures.map(({ value, name, color }) => ({ value, name, ...(color !== null && { color }) })),
    combinations: labels.combinations,
  };
}

function fill(
  { value, name, contours }: Structure,
  grid: Grid,
  labels: LayeredLabels,
  tally: { readonly empty: string[]; outside: number; placed: number },
  warnings: string[],
): void {
  const closed = contours.filter(({ kind, points }) => /^CLOSED_?PLANAR/.test(kind) && points.length >= 9);
  if (closed.length === 0) {
    tally.empty.push(`“${name}”`);
    return;
  }
  const open = contours.length - closed.length;
  if (open > 0)
    warnings.push(`“${name}” also holds ${counted(open, 'point or open line', 'points and open lines')}, which enclose nothing.`);
  const placed = closed.map(({ points, kind }) => placedOn(grid, points, kind === 'CLOSED_PLANAR_XOR' || kind === 'CLOSEDPLANAR_XOR'));
  const tilted = placed.filter((each) => each === null).length;
  const inside = placed.filter((each) => each !== null && each.slice >= 0 && each.slice < grid.size[each.axis]) as PlacedContour[];
  const outside = closed.length - inside.length;
  tally.outside += outside;
  tally.placed += inside.length;
  if (tilted > 0)
    warnings.push(`${counted(tilted, 'contour', 'contours')} of “${name}” lie in no plane of the images’ voxels and are left out.`);
  if (outside > tilted)
    warnings.push(`${counted(outside - tilted, 'contour', 'contours')} of “${name}” lie outside the images and are left out.`);
  let between = 0;
  let off = 0;
  let covered = 0;
  for (const group of Map.groupBy(inside, ({ axis, slice }) => `${String(axis)}/${String(slice)}`).values()) {
    const nearest = Math.min(...group.map(({ offset }) => Math.abs(offset)));
    const taken = group.filter(({ offset }) => Math.abs(offset) < nearest + 0.02);
    between += group.length - taken.length;
    off = Math.max(off, nearest);
    covered += layContours(taken, grid, labels, value);
  }
  if (off > samePlace) warnings.push(`Contours of “${name}” lie up to ${off.toFixed(2)} slices beside the slices that they are taken for.`);
  if (between > 0)
    warnings.push(
      `${counted(between, 'contour', 'contours')} of “${name}” lie between slices, where others lie nearer to them, and are left out.`,
    );
  const missing = slicesBetween(inside);
  if (missing > 0)
    warnings.push(`“${name}” is not drawn on ${counted(missing, 'slice', 'slices')} between its first and its last, which stay empty.`);
  if (inside.length > 0 && covered === 0) warnings.push(`“${name}” encloses half of no voxel.`);
}

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** A contour in voxels; null where it lies in no plane of voxels. The slices of the image come first. */
function placedOn(grid: Grid, points: Float64Array, byParity: boolean): PlacedContour | null {
  const toVoxels = invertAffine(grid.affine);
  const count = Math.floor(points.length / 3);
  const voxels = new Float64Array(3 * count);
  const [low, high] = [
    [Infinity, Infinity, Infinity],
    [-Infinity, -Infinity, -Infinity],
  ] as [number[], number[]];
  for (let n = 0; n < count; n++)
    applyAffine(toVoxels, [points[3 * n], points[3 * n + 1], points[3 * n + 2]] as unknown as Triple).forEach((x, axis) => {
      voxels[3 * n + axis] = x;
      low[axis] = Math.min(low[axis] as number, x);
      high[axis] = Math.max(high[axis] as number, x);
    });
  const spread = (axis: number): number => (high[axis] as number) - (low[axis] as number);
  const axis = ([2, 1, 0] as const).find((each) => spread(each) < flat);
  if (axis === undefined) return null; // Numbers that are none come here, too.
  const middle = ((low[axis] as number) + (high[axis] as number)) / 2;
  const [u, v] = planeAxes(axis);
  const loop = new Float64Array(2 * count);
  for (let n = 0; n < count; n++) [loop[2 * n], loop[2 * n + 1]] = [voxels[3 * n + u] as number, voxels[3 * n + v] as number];
  return { axis, slice: Math.round(middle), offset: middle - Math.round(middle), loop, byParity };
}

function planeAxes(axis: 0 | 1 | 2): readonly [0 | 1 | 2, 0 | 1 | 2] {
  return axis === 2 ? [0, 1] : axis === 1 ? [0, 2] : [1, 2];
}

/** Lays the contours of one slice; returns how many voxels they cover. */
function layContours(contours: readonly PlacedContour[], { size }: Grid, labels: LayeredLabels, value: number): number {
  const [first] = contours;
  if (first === undefined) return 0;
  const { axis, slice } = first;
  const [u, v] = planeAxes(axis);
  const marked = enclosedPixels(
    contours.map(({ loop }) => loop),
    size[u],
    size[v],
    contours.some(({ byParity }) => byParity),
  );
  const strides = [1, size[0], size[0] * size[1]] as const;
  let count = 0;
  for (let y = 0; y < size[v]; y++)
    for (let x = 0; x < size[u]; x++)
      if (marked[y * size[u] + x] === 1) {
        labels.lay(slice * strides[axis] + x * strides[u] + y * strides[v], value);
        count++;
      }
  return count;
}

/** Slices without a contour between the first and the last one of a structure that is drawn across one axis. */
function slicesBetween(contours: readonly PlacedContour[]): number {
  const axes = new Set(contours.map(({ axis }) => axis));
  if (axes.size !== 1) return 0;
  const slices = new Set(contours.map(({ slice }) => slice));
  return Math.max(...slices) - Math.min(...slices) + 1 - slices.size;
}
