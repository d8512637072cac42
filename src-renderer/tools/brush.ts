import { dabsAlong, type ShapeDescription } from '#shared/segmentation/index.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { spacing, type LpsPoint } from '#shared/geometry/grid.ts';
import type { BrushStroke } from '../stores/editing.svelte.ts';
import type { Parameter, PointerTool, Preview, ToolHandler, ToolHost, ToolPointer } from './types.ts';

const radius: Parameter = { id: 'radius', name: 'Radius', kind: 'number', minimum: 0.5, maximum: 60, step: 0.5, unit: 'mm', initial: 6 };
const shape: Parameter = {
  id: 'shape',
  name: 'Shape',
  kind: 'choice',
  initial: 'disc',
  choices: [
    { value: 'disc', name: '2D disc' },
    { value: 'ball', name: '3D ball' },
  ],
};

interface BrushOptions {
  readonly name: string;
  readonly erases: boolean;
  threshold?(host: ToolHost): { readonly low: number; readonly high: number };
}

/** Paints dabs from the last position to this one, close enough to leave no gaps. */
class BrushHandler implements ToolHandler {
  readonly #options: BrushOptions;
  #stroke: BrushStroke | null = null;
  #last: LpsPoint | null = null;
  #erasing = false;
  /** Name of a locked label that the stroke met. */
  #blocked: string | null = null;

  constructor(options: BrushOptions) {
    this.#options = options;
  }

  down(pointer: ToolPointer, host: ToolHost): void {
    this.#erasing = this.#options.erases !== pointer.control;
    if (!this.#erasing) host.editing.readyToDraw(host.editing.activeLabel);
    const label = host.editing.label(host.editing.activeLabel)?.name ?? '';
    this.#stroke = host.editing.begin(this.#erasing ? 'Erase' : `${this.#options.name}: ${label}`);
    this.#last = pointer.world;
    this.#blocked = null;
    this.#dab(pointer.world, pointer, host);
    this.hover(pointer, host);
  }

  drag(pointer: ToolPointer, path: readonly ToolPointer[], host: ToolHost): void {
    if (this.#stroke === null) return;
    const step = Math.max(Number(host.values['radius']) * 0.35, Math.min(...spacing(host.editing.mask.grid)) * 0.5);
    for (const { world } of path) {
      const from = this.#last ?? world;
      for (const point of dabsAlong(from, world, step).slice(1)) this.#dab(point, pointer, host);
      this.#last = world;
    }
    this.hover(pointer, host);
  }

  up(_pointer: ToolPointer, _host: ToolHost): void {
    this.#stroke?.commit();
    this.#stroke = null;
    this.#last = null;
    if (this.#blocked !== null) throw new StudioError('conflict', `“${this.#blocked}” is locked: its voxels stayed as they are.`);
  }

  hover(pointer: ToolPointer, host: ToolHost): void {
    const erase = this.#stroke === null ? this.#options.erases !== pointer.control : this.#erasing;
    const preview: Preview = {
      kind: 'circle',
      centre: pointer.world,
      radius: Number(host.values['radius']),
      tone: this.#lockedAt(pointer.world, erase, host) === undefined ? (erase ? 'erase' : 'add') : 'blocked',
      color: host.editing.label(host.editing.activeLabel)?.color ?? '#ffffff',
    };
    host.setPreview(pointer.orientation, [preview]);
  }

  key(key: string, host: ToolHost): boolean {
    if (key !== '[' && key !== ']') return false;
    const now = Number(host.values['radius']);
    host.setValue(
      'radius',
      Math.min(60, Math.max(0.5, Math.round(now * (key === ']' ? 1.25 : 0.8) * 2) / 2 + (key === ']' && now < 2 ? 0.5 : 0))),
    );
    return true;
  }

  cancel(): void {
    this.#stroke?.cancel();
    this.#stroke = null;
    this.#last = null;
  }

  #dab(centre: LpsPoint, pointer: ToolPointer, host: ToolHost): void {
    const size = Number(host.values['radius']);
    const where: ShapeDescription =
      host.values['shape'] === 'ball'
        ? { kind: 'ball', centre, radius: size }
        : { kind: 'disc', centre, radius: size, normal: pointer.frame.basis.normal };
    const label = this.#erasing ? 0 : host.editing.activeLabel;
    this.#blocked ??= this.#lockedAt(centre, this.#erasing, host)?.name ?? null;
    this.#stroke?.dab(where, label, this.#erasing ? undefined : this.#options.threshold?.(host));
  }

  /** The locked label that keeps a point from being changed. */
  #lockedAt(point: LpsPoint, erase: boolean, { editing }: ToolHost): Label | undefined {
    const found = editing.label(editing.labelAt(point));
    const active = editing.label(editing.activeLabel);
    if (!erase && active?.locked === true) return active;
    return found?.locked === true && found !== active ? found : undefined;
  }
}

export const brushTools: readonly PointerTool[] = [
  {
    kind: 'pointer',
    id: 'brush',
    name: 'Brush',
    group: 'paint',
    key: 'b',
    cursor: 'none',
    parameters: [radius, shape],
    help: 'Drag to paint the active label. Ctrl erases, [ and ] change the radius.',
    handler: new BrushHandler({ name: 'Brush', erases: false }),
  },
  {
    kind: 'pointer',
    id: 'eraser',
    name: 'Eraser',
    group: 'paint',
    key: 'e',
    cursor: 'none',
    parameters: [radius, shape],
    help: 'Drag to erase every label that is not locked. [ and ] change the radius.',
    handler: new BrushHandler({ name: 'Erase', erases: true }),
  },
  {
    kind: 'pointer',
    id: 'thresholdBrush',
    name: 'Threshold brush',
    group: 'paint',
    key: 't',
    cursor: 'none',
    parameters: [
      radius,
      shape,
      { id: 'low', name: 'From', kind: 'number', minimum: -2000, maximum: 4000, step: 1, unit: '', initial: 0 },
      { id: 'high', name: 'To', kind: 'number', minimum: -2000, maximum: 4000, step: 1, unit: '', initial: 300 },
    ],
    help: 'Paints only where the intensity lies between From and To. Ctrl erases.',
    handler: new BrushHandler({
      name: 'Threshold brush',
      erases: false,
      threshold: (host) => ({ low: Number(host.values['low']), high: Number(host.values['high']) }),
    }),
  },
];
