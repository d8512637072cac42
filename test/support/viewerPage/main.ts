import { flushSync, mount } from 'svelte';
import { Editing } from '#renderer/stores/editing.svelte.ts';
import { Scene } from '#renderer/stores/scene.svelte.ts';
import { ViewerState } from '#renderer/stores/viewer.svelte.ts';
import { ToolController } from '#renderer/tools/controller.svelte.ts';
import ViewerGrid from '#renderer/views/ViewerGrid.svelte';
import { surfaceOf } from '#renderer/vtk/surfaceNets.ts';
import { tiledCase } from './syntheticCase.ts';

// ?size=512x512x600&surfaces=0: the size in voxels, and whether to mesh the labels.
// @ts-expect-error: styles have no types outside the renderer's build.
await import('#renderer/ui/tokens.css');

const query = new URLSearchParams(location.search);
const size = (query.get('size') ?? '160x160x80').split('x').map(Number) as [number, number, number];
const made = tiledCase(size, [320 / size[0], 320 / size[1], 360 / size[2]]);

const viewer = new ViewerState();
const scene = new Scene();
const editing = new Editing({ image: made.image, mask: made.mask, labels: made.labels });
const errors: string[] = [];
const tools = new ToolController({ viewer, onError: (error) => errors.push(String(error)), runOperation: () => undefined });

const opened = performance.now();
viewer.show(made.image.grid);
viewer.setWindowRange(-160, 240);
scene.setCase(made.image, made.mask, made.labels);
if (query.get('prediction') !== '0') scene.setPrediction(made.prediction, made.uncertainty);
scene.setWindow(viewer.window.center, viewer.window.width);
editing.onChange((box) => scene.maskChanged(box));
tools.setEditing(editing);
if (query.get('surfaces') !== '0') {
  scene.surfaces = new Map(made.labels.map(({ value }) => [value, surfaceOf(made.mask.data, made.mask.grid, value)]));
}

/** How many bytes each texSubImage3D call sent since the last reading. */
const uploads: number[] = [];
const original = WebGL2RenderingContext.prototype.texSubImage3D;
WebGL2RenderingContext.prototype.texSubImage3D = function (this: WebGL2RenderingContext, ...values: unknown[]) {
  const source = values.at(-1);
  if (ArrayBuffer.isView(source)) uploads.push(source.byteLength);
  (original as (...all: unknown[]) => void).apply(this, values);
} as typeof original;

const frames: number[] = [];
let firstSlice = 0;
scene.context.onFrame((milliseconds) => {
  frames.push(milliseconds);
  if (firstSlice === 0) firstSlice = performance.now() - opened;
});
mount(ViewerGrid, { target: document.getElementById('app') as HTMLElement, props: { viewer, scene, tools } });
Object.assign(window, { page: { viewer, scene, editing, tools, frames, uploads, errors, firstSlice: () => firstSlice, flushSync } });
