import { applyAffine, lpsToIjk } from '../geometry/affine.ts';
import { spacing, type Triple, type Volume } from '../geometry/grid.ts';
import { add, dot, subtract } from '../geometry/viewPlane.ts';
import type { Box } from '../segmentation/box.ts';
import { room, type AskedNetwork } from './askNetwork.ts';
import type { CarryRequest } from './carry.ts';
import { networkInput } from './networkInput.ts';
import type { PromptCase } from './propose.ts';
import { forEachCut } from './slab.ts';
import { seen, viewAround } from './view.ts';

/** What a prompt network says of a cube about a slice that is known: the chance of each of its voxels to belong; null where the label is not in the slice. */
export async function askSlice(
  { image, mask }: PromptCase,
  { plane, label, inner }: CarryRequest,
  network: AskedNetwork,
): Promise<Volume<Float32Array> | null> {
  const { grid } = image;
  const belongs = new Set([label, ...inner]);
  const lower: [number, number, number] = [Infinity, Infinity, Infinity];
  const upper: [number, number, number] = [0, 0, 0];
  forEachCut(grid, plane, (at, ...place) => {
    if (!belongs.has(mask.data[at] as number)) return;
    for (const axis of [0, 1, 2] as const) {
      lower[axis] = Math.min(lower[axis], place[axis]);
      upper[axis] = Math.max(upper[axis], place[axis] + 1);
    }
  });
  if (upper[0] === 0) return null;
  const box: Box = { lower, upper };
  const view = viewAround(grid, box, network.side, room);
  const { side } = network;
  const reach = spacing(view.grid)[0] / 2;
  // The cube's layer that is nearest to the slice stands for it.
  const known = new Int8Array(side ** 3);
  for (let at = 0; at < known.length; at++) {
    const point = applyAffine(view.grid.affine, [at % side, Math.floor(at / side) % side, Math.floor(at / (side * side))]);
    const away = dot(subtract(point, plane.center), plane.normal);
    if (away <= -reach || away > reach) continue;
    const [i, j, k] = lpsToIjk(grid, add(point, plane.normal, -away)).map(Math.round) as unknown as Triple;
    const isInside = i >= 0 && j >= 0 && k >= 0 && i < grid.size[0] && j < grid.size[1] && k < grid.size[2];
    known[at] = isInside && belongs.has(mask.data[i + grid.size[0] * (j + grid.size[1] * k)] as number) ? 1 : -1;
  }
  const input = networkInput(seen(view, image.data, grid.size), view.grid, [], null, known);
  return { grid: view.grid, data: await network.answer(input) };
}
