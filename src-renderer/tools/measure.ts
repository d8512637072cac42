import type { LpsPoint } from '#shared/geometry/grid.ts';
import { length, subtract, type Orientation } from '../../src-shared/geometry/viewPlane.ts';
import type { PointerTool, ToolHandler, ToolHost, ToolPointer } from './types.ts';

/** Takes the measurement back that was made last. */
function takeBack(key: string, host: ToolHost): boolean {
  if (key !== 'Delete' && key !== 'Backspace') return false;
  host.viewer.setMeasurements(host.viewer.measurements.slice(0, -1));
  return true;
}

class DistanceHandler implements ToolHandler {
  #from: LpsPoint | null = null;

  down(pointer: ToolPointer): void {
    this.#from = pointer.world;
  }

  drag(pointer: ToolPointer, _path: readonly ToolPointer[], host: ToolHost): void {
    if (this.#from !== null)
      host.setPreview(pointer.orientation, [{ kind: 'measure', measure: 'distance', points: [this.#from, pointer.world] }]);
  }

  up(pointer: ToolPointer, host: ToolHost): void {
    if (this.#from !== null) host.viewer.addMeasurement('distance', pointer.orientation, [this.#from, pointer.world]);
    host.setPreview(pointer.orientation, []);
    this.#from = null;
  }

  key(key: string, host: ToolHost): boolean {
    return takeBack(key, host);
  }
}

/** Three presses: an end, the corner, the other end. */
class AngleHandler implements ToolHandler {
  #orientation: Orientation | null = null;
  #points: readonly LpsPoint[] = [];

  down(pointer: ToolPointer, host: ToolHost): void {
    if (this.#orientation !== pointer.orientation) this.#points = [];
    this.#orientation = pointer.orientation;
    this.#points = [...this.#points, pointer.world];
    if (this.#points.length === 3) {
      host.viewer.addMeasurement('angle', pointer.orientation, this.#points);
      this.cancel(host);
    } else this.hover(pointer, host);
  }

  hover(pointer: ToolPointer, host: ToolHost): void {
    if (this.#orientation === pointer.orientation && this.#points.length > 0)
      host.setPreview(pointer.orientation, [{ kind: 'measure', measure: 'angle', points: [...this.#points, pointer.world] }]);
  }

  key(key: string, host: ToolHost): boolean {
    if (this.#points.length === 0) return takeBack(key, host);
    if (key !== 'Backspace') return false;
    this.cancel(host);
    return true;
  }

  cancel(host: ToolHost): void {
    if (this.#orientation !== null) host.setPreview(this.#orientation, []);
    this.#points = [];
  }
}

class AreaHandler implements ToolHandler {
  #points: LpsPoint[] = [];

  down(pointer: ToolPointer): void {
    this.#points = [pointer.world];
  }

  drag(pointer: ToolPointer, path: readonly ToolPointer[], host: ToolHost): void {
    for (const { world, frame } of path) {
      const last = this.#points.at(-1);
      if (last === undefined || length(subtract(world, last)) > 2 * frame.millimetresPerPixel) this.#points.push(world);
    }
    host.setPreview(pointer.orientation, [{ kind: 'measure', measure: 'area', points: [...this.#points] }]);
  }

  up(pointer: ToolPointer, host: ToolHost): void {
    if (this.#points.length > 2) host.viewer.addMeasurement('area', pointer.orientation, this.#points);
    this.cancel(host);
    host.setPreview(pointer.orientation, []);
  }

  key(key: string, host: ToolHost): boolean {
    return takeBack(key, host);
  }

  cancel(_host: ToolHost): void {
    this.#points = [];
  }
}

const description = { kind: 'pointer', group: 'look', cursor: 'crosshair', parameters: [] } as const;

/** Distances, angles and areas: kept with the case. */
export const measureTools: readonly PointerTool[] = [
  {
    ...description,
    id: 'ruler',
    name: 'Ruler',
    key: 'm',
    help: 'Drag to measure in millimetres. Delete takes the last measurement back; all of them are kept with the case.',
    handler: new DistanceHandler(),
  },
  {
    ...description,
    id: 'angle',
    name: 'Angle',
    key: 'Shift+M',
    help: 'Click an end, the corner and the other end. Backspace begins again.',
    handler: new AngleHandler(),
  },
  {
    ...description,
    id: 'area',
    name: 'Area',
    key: '',
    help: 'Drag around a region to measure it in square millimetres; the mask is not changed.',
    handler: new AreaHandler(),
  },
];
