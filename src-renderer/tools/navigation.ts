import type { PointerTool, ToolHandler, ToolHost, ToolPointer } from './types.ts';

/** A drag that reports how far the pointer moved since the last report. */
function dragging(move: (pointer: ToolPointer, dx: number, dy: number, host: ToolHost) => void): ToolHandler {
  let [x, y] = [0, 0];
  return {
    down: (pointer) => {
      [x, y] = [pointer.x, pointer.y];
    },
    drag: (pointer, _path, host) => {
      move(pointer, pointer.x - x, pointer.y - y, host);
      [x, y] = [pointer.x, pointer.y];
    },
  };
}

export const navigationTools: readonly PointerTool[] = [
  {
    kind: 'pointer',
    id: 'crosshair',
    name: 'Crosshair',
    group: 'look',
    key: 'c',
    cursor: 'crosshair',
    parameters: [],
    help: 'Click or drag to move the crosshair in all views. The wheel scrolls, Ctrl and the wheel zoom, the right button windows, the middle button pans.',
    handler: {
      down: (pointer, host) => host.viewer.moveTo(pointer.world),
      drag: (pointer, _path, host) => host.viewer.moveTo(pointer.world),
    },
  },
  {
    kind: 'pointer',
    id: 'window',
    name: 'Window',
    group: 'look',
    key: 'w',
    cursor: 'ns-resize',
    parameters: [],
    help: 'Drag right or left for the width of the window, down or up for its level. The right button does this in every tool.',
    handler: dragging((_pointer, dx, dy, host) => host.viewer.dragWindow(dx, dy)),
  },
  {
    kind: 'pointer',
    id: 'pan',
    name: 'Pan',
    group: 'look',
    key: 'h',
    cursor: 'grab',
    parameters: [],
    help: 'Drag the picture. The middle button does this in every tool.',
    handler: dragging((pointer, dx, dy, host) => host.viewer.pan(pointer.orientation, dx, dy)),
  },
  {
    kind: 'pointer',
    id: 'zoom',
    name: 'Zoom',
    group: 'look',
    key: 'z',
    cursor: 'zoom-in',
    parameters: [],
    help: 'Drag up to come closer. Ctrl and the wheel do this in every tool.',
    handler: dragging((pointer, _dx, dy, host) => host.viewer.zoom(pointer.orientation, Math.exp(-dy / 150))),
  },
  {
    kind: 'pointer',
    id: 'oblique',
    name: 'Oblique',
    group: 'look',
    key: 'o',
    cursor: 'alias',
    parameters: [],
    help: 'Drag sideways to tilt the two other planes about this view. Shift+O sets all planes straight again.',
    handler: dragging((pointer, dx, _dy, host) => host.viewer.tilt(pointer.orientation, (dx * Math.PI) / 720)),
  },
];
