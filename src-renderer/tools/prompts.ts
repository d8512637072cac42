import type { LpsPoint } from '#shared/geometry/grid.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import type { BeginWith } from '../stores/prompting.svelte.ts';
import { add, dot, length, subtract, type Orientation } from '../../src-shared/geometry/viewPlane.ts';
import type { Preview, PointerTool, ToolHandler, ToolHost, ToolPointer } from './types.ts';

interface Begun {
  readonly orientation: Orientation;
  readonly positive: boolean;
  readonly from: ToolPointer;
  readonly points: LpsPoint[];
}

/** A press that moves less than so many pixels is a click. */
const clickReach = 4;

class PromptHandler implements ToolHandler {
  #begun: Begun | null = null;

  select(host: ToolHost): void {
    host.prompting?.ready();
  }

  down(pointer: ToolPointer, host: ToolHost): void {
    this.#begun = { orientation: pointer.orientation, positive: !pointer.control, from: pointer, points: [pointer.world] };
    this.#show(pointer, host);
  }

  drag(pointer: ToolPointer, path: readonly ToolPointer[], host: ToolHost): void {
    const begun = this.#begun;
    if (begun === null) return;
    for (const { world, frame } of path) {
      const last = begun.points.at(-1);
      if (last !== undefined && length(subtract(world, last)) > frame.millimetresPerPixel) begun.points.push(world);
    }
    this.#show(pointer, host);
  }

  up(pointer: ToolPointer, host: ToolHost): void {
    const begun = this.#begun;
    this.#end(host);
    if (begun !== null) host.prompting?.add(promptOf(begun, pointer, host.values['draw']), host.values['begin'] as BeginWith);
  }

  key(key: string, host: ToolHost): boolean {
    const prompting = host.prompting;
    if (prompting?.active !== true) return false;
    if (key === 'Backspace') prompting.takeBack();
    else if (key === 'Enter') host.settlePrompts(true);
    else return false;
    return true;
  }

  escape(host: ToolHost): boolean {
    if (this.#begun !== null || host.prompting?.active !== true) return false;
    host.settlePrompts(false);
    return true;
  }

  cancel(host: ToolHost): void {
    this.#end(host);
  }

  #end(host: ToolHost): void {
    if (this.#begun !== null) host.setPreview(this.#begun.orientation, []);
    this.#begun = null;
  }

  #show(pointer: ToolPointer, host: ToolHost): void {
    const begun = this.#begun;
    if (begun === null) return;
    const tone = begun.positive ? 'add' : 'erase';
    const draw = host.values['draw'];
    const points = draw === 'box' ? cornersOf(begun.from, pointer) : begun.points;
    const path: Preview = { kind: 'path', points, closed: draw !== 'scribble' && points.length > 2, tone, handles: false };
    host.setPreview(begun.orientation, [path]);
  }
}

function promptOf({ positive, from, points }: Begun, pointer: ToolPointer, draw: unknown): Prompt {
  const isClick = Math.hypot(pointer.x - from.x, pointer.y - from.y) < clickReach && points.length < 8;
  if (isClick) return { positive, kind: 'click', point: from.world };
  const { normal } = from.frame.basis;
  if (draw === 'box') return { positive, kind: 'box', points: cornersOf(from, pointer), normal };
  return draw === 'lasso' && points.length > 2 ? { positive, kind: 'lasso', points, normal } : { positive, kind: 'scribble', points };
}

/** The corners of the rectangle between two pointers, along the view. */
function cornersOf(from: ToolPointer, to: ToolPointer): LpsPoint[] {
  const { right } = from.frame.basis;
  const across = dot(subtract(to.world, from.world), right);
  return [from.world, add(from.world, right, across), to.world, add(to.world, right, -across)];
}

export const promptTools: readonly PointerTool[] = [
  {
    kind: 'pointer',
    id: 'prompts',
    name: 'Point',
    group: 'region',
    key: 'a',
    cursor: 'crosshair',
    parameters: [
      {
        id: 'draw',
        name: 'Drag draws',
        kind: 'choice',
        initial: 'scribble',
        choices: [
          { value: 'scribble', name: 'Scribble' },
          { value: 'box', name: 'Box' },
          { value: 'lasso', name: 'Lasso' },
        ],
      },
      {
        id: 'begin',
        name: 'Begin with',
        kind: 'choice',
        initial: 'pointed',
        choices: [
          { value: 'pointed', name: 'What is predicted there' },
          { value: 'nothing', name: 'Prompts alone' },
          { value: 'label', name: 'Active label' },
          { value: 'prediction', name: 'Prediction' },
        ],
      },
    ],
    help: 'Click a structure, or drag over it: it is proposed in 3D. Ctrl takes away. Enter puts it into the active label, Esc drops it, Backspace takes the last prompt back.',
    handler: new PromptHandler(),
  },
];
