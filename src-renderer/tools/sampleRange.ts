import { lpsToIjk } from '#shared/geometry/affine.ts';
import type { PointerTool, ToolHandler, ToolHost, ToolPointer } from './types.ts';

/** Of what the drag passes, the lowest and highest values are left out: a drag touches the border. */
const skipped = 0.05;

/** Gathers the intensities about the path of a drag and makes them the range that every tool keeps to, while it goes on. */
class SampleHandler implements ToolHandler {
  #values: number[] = [];

  down(pointer: ToolPointer, host: ToolHost): void {
    this.#values = [];
    this.#gather([pointer], host);
  }

  drag(pointer: ToolPointer, path: readonly ToolPointer[], host: ToolHost): void {
    this.#gather(path, host);
    this.hover(pointer, host);
  }

  hover(pointer: ToolPointer, host: ToolHost): void {
    const color = host.editing.label(host.editing.activeLabel)?.color ?? '#ffffff';
    host.setPreview(pointer.orientation, [
      { kind: 'circle', centre: pointer.world, radius: pointer.frame.millimetresPerPixel * 6, tone: 'add', color },
    ]);
  }

  #gather(path: readonly ToolPointer[], { editing }: ToolHost): void {
    const { grid, data } = editing.image;
    const [ni, nj, nk] = grid.size;
    for (const { world } of path) {
      const [i, j, k] = lpsToIjk(grid, world).map(Math.round) as [number, number, number];
      for (let dj = -1; dj <= 1; dj++)
        for (let di = -1; di <= 1; di++) {
          const [x, y] = [i + di, j + dj];
          if (x >= 0 && y >= 0 && k >= 0 && x < ni && y < nj && k < nk) this.#values.push(data[x + ni * (y + nj * k)] ?? 0);
        }
    }
    const sorted = this.#values.toSorted((a, b) => a - b);
    const at = Math.floor(sorted.length * skipped);
    const [low, high] = [sorted[at], sorted[sorted.length - 1 - at]];
    if (low !== undefined && high !== undefined) editing.range = { low, high };
  }
}

export const sampleTools: readonly PointerTool[] = [
  {
    kind: 'pointer',
    id: 'sampleRange',
    name: 'Sample range',
    group: 'look',
    key: 'j',
    cursor: 'crosshair',
    parameters: [],
    help: 'Drag over tissue: every tool then changes only voxels of those intensities, until Only in range is switched off.',
    handler: new SampleHandler(),
  },
];
