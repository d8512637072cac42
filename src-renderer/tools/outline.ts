import { StudioError } from '#shared/base/errors.ts';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { add, length, subtract, type Orientation } from '../../src-shared/geometry/viewPlane.ts';
import type { Parameter, PointerTool, PreviewTone, ToolHandler, ToolHost, ToolPointer } from './types.ts';

const action: Parameter = {
  id: 'action',
  name: 'Inside',
  kind: 'choice',
  initial: 'paint',
  choices: [
    { value: 'paint', name: 'Paint' },
    { value: 'erase', name: 'Erase' },
  ],
};
const depth: Parameter = { id: 'depth', name: 'Depth', kind: 'number', minimum: 0, maximum: 200, step: 1, unit: 'mm', initial: 0 };

interface Begun {
  readonly orientation: Orientation;
  readonly normal: LpsPoint;
  readonly points: LpsPoint[];
}

/** A closed outline on one plane, filled when it ends. */
abstract class OutlineHandler implements ToolHandler {
  protected begun: Begun | null = null;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  abstract down(pointer: ToolPointer, host: ToolHost): void;

  protected begin(pointer: ToolPointer): Begun {
    this.begun = { orientation: pointer.orientation, normal: pointer.frame.basis.normal, points: [pointer.world] };
    return this.begun;
  }

  protected show(host: ToolHost, handles: boolean, next?: LpsPoint): void {
    if (this.begun === null) return;
    const points = next === undefined ? [...this.begun.points] : [...this.begun.points, next];
    const tone: PreviewTone = host.values['action'] === 'erase' ? 'erase' : 'add';
    host.setPreview(this.begun.orientation, [{ kind: 'path', points, closed: points.length > 2, tone, handles }]);
  }

  protected fill(host: ToolHost): void {
    const begun = this.begun;
    this.cancel(host);
    if (begun === null || begun.points.length < 3) return;
    const label = host.values['action'] === 'erase' ? 0 : host.editing.activeLabel;
    const thickness = Number(host.values['depth']);
    const name = label === 0 ? `${this.#name}: erase` : `${this.#name}: ${host.editing.label(label)?.name ?? ''}`;
    host.editing.paintOnce(
      name,
      {
        kind: 'polygon',
        points: begun.points,
        normal: begun.normal,
        ...(thickness > 0 ? { thickness } : {}),
      },
      label,
    );
  }

  cancel(host: ToolHost): void {
    if (this.begun !== null) host.setPreview(this.begun.orientation, []);
    this.begun = null;
  }
}

class PolygonHandler extends OutlineHandler {
  override down(pointer: ToolPointer, host: ToolHost): void {
    const begun = this.begun;
    if (begun === null || begun.orientation !== pointer.orientation) {
      this.cancel(host);
      this.begin(pointer);
    } else {
      const first = begun.points[0] as LpsPoint;
      const closing = begun.points.length > 2 && length(subtract(pointer.world, first)) < 8 * pointer.frame.millimetresPerPixel;
      if (closing) {
        this.fill(host);
        return;
      }
      begun.points.push(pointer.world);
    }
    this.show(host, true);
  }

  hover(pointer: ToolPointer, host: ToolHost): void {
    if (this.begun?.orientation === pointer.orientation) this.show(host, true, pointer.world);
  }

  doubleClick(_pointer: ToolPointer, host: ToolHost): void {
    this.begun?.points.pop(); // The second press of the double click.
    this.fill(host);
  }

  key(key: string, host: ToolHost): boolean {
    if (this.begun === null) return false;
    if (key === 'Enter') this.fill(host);
    else if (key === 'Backspace') {
      this.begun.points.pop();
      if (this.begun.points.length === 0) this.cancel(host);
      else this.show(host, true);
    } else return false;
    return true;
  }
}

class LassoHandler extends OutlineHandler {
  override down(pointer: ToolPointer, host: ToolHost): void {
    this.begin(pointer);
    this.show(host, false);
  }

  drag(_pointer: ToolPointer, path: readonly ToolPointer[], host: ToolHost): void {
    for (const { world, frame } of path) {
      const last = this.begun?.points.at(-1);
      if (last !== undefined && length(subtract(world, last)) > frame.millimetresPerPixel) this.begun?.points.push(add(world, [0, 0, 0]));
    }
    this.show(host, false);
  }

  up(_pointer: ToolPointer, host: ToolHost): void {
    this.fill(host);
  }
}

/** Cuts in the 3D view alone (SceneViewport.svelte draws the outline). */
const scissorsHandler: ToolHandler = {
  down: () => {
    throw new StudioError('conflict', 'Drag around what is to go in the 3D view; Shift and drag turns it.');
  },
};

export const outlineTools: readonly PointerTool[] = [
  {
    kind: 'pointer',
    id: 'polygon',
    name: 'Polygon',
    group: 'outline',
    key: 'p',
    cursor: 'crosshair',
    parameters: [action, depth],
    help: 'Click corner by corner; Enter, double click or the first corner fills. Backspace takes a corner back.',
    handler: new PolygonHandler('Polygon'),
  },
  {
    kind: 'pointer',
    id: 'lasso',
    name: 'Lasso',
    group: 'outline',
    key: 'l',
    cursor: 'crosshair',
    parameters: [action, depth],
    help: 'Drag around a region; letting go fills it. Depth above 0 reaches through neighbouring slices.',
    handler: new LassoHandler('Lasso'),
  },
  {
    kind: 'pointer',
    id: 'scissors',
    name: 'Scissors in 3D',
    group: 'outline',
    key: 'Shift+X',
    cursor: 'not-allowed',
    parameters: [
      {
        id: 'erase',
        name: 'Erase',
        kind: 'choice',
        initial: 'inside',
        choices: [
          { value: 'inside', name: 'Inside' },
          { value: 'outside', name: 'Outside' },
        ],
      },
      {
        id: 'labels',
        name: 'Of',
        kind: 'choice',
        initial: 'active',
        choices: [
          { value: 'active', name: 'Active label' },
          { value: 'visible', name: 'Visible labels' },
        ],
      },
    ],
    help: 'Drag around something in the 3D view: what is seen inside goes, however deep it lies. Shift and drag turns the view.',
    handler: scissorsHandler,
  },
];
