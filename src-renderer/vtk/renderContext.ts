import '@kitware/vtk.js/Rendering/OpenGL/Profiles/Geometry';
import '@kitware/vtk.js/Rendering/OpenGL/Profiles/Volume';
import type vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
import vtkOpenGLRenderWindow from '@kitware/vtk.js/Rendering/OpenGL/RenderWindow';
import vtkRenderer from '@kitware/vtk.js/Rendering/Core/Renderer';
import vtkRenderWindow from '@kitware/vtk.js/Rendering/Core/RenderWindow';
import vtkRenderWindowInteractor from '@kitware/vtk.js/Rendering/Core/RenderWindowInteractor';
import { StudioError } from '#shared/base/errors.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import { VolumeUpload } from './volumeUpload.ts';

/** One window of the shared context: a canvas inside `container`, drawn by the parent's GL context. */
export interface ContextView extends Disposable {
  readonly renderer: vtkRenderer;
  /** Size in device pixels; a size below 1 is taken as 1. */
  resize(width: number, height: number): void;
  requestRender(): void;
}

/** What the types of vtk.js leave out. */
interface ParentNode {
  removeNode(node: vtkOpenGLRenderWindow): boolean;
  getContext(): WebGL2RenderingContext | null;
  getShaderCache(): { releaseGraphicsResources(window: vtkOpenGLRenderWindow): void };
  releaseGraphicsResources(): void;
}

/** Script milliseconds of one animation frame that drew something. */
export type FrameListener = (scriptMilliseconds: number) => void;

/**
 * One GL context for all views, so that a volume is on the GPU once and a painted box is uploaded once. Views that asked for it are drawn
 * together in the next animation frame; a view that did not ask keeps its picture.
 */
export class RenderContext implements Disposable {
  readonly #parentWindow = vtkRenderWindow.newInstance();
  readonly #parentView = vtkOpenGLRenderWindow.newInstance();
  readonly #parentNode = this.#parentView as unknown as ParentNode;
  readonly #pending = new Set<() => void>();
  readonly #frameListeners = new Set<FrameListener>();
  readonly #lossListeners = new Set<() => void>();
  #frame = 0;
  #disposed = false;

  constructor() {
    if (document.createElement('canvas').getContext('webgl2') === null) {
      throw new StudioError(
        'device',
        'This browser cannot draw with WebGL 2. Update the graphics driver, or switch hardware acceleration on, then start again.',
      );
    }
    this.#parentWindow.addView(this.#parentView);
    this.#parentView.initialize();
    this.#parentView.getCanvas()?.addEventListener('webglcontextlost', () => {
      if (!this.#disposed) for (const listener of this.#lossListeners) listener();
    });
  }

  /** Listens for the loss of the GL context (the driver or the browser's GPU process was reset): nothing can be drawn from then on. */
  onLost(listener: () => void): void {
    this.#lossListeners.add(listener);
  }

  /** Begins to bring an image to the GPU, slices about `middle` first; `onProgress` asks for drawing. Hand it back with `dispose`. */
  upload(image: vtkImageData, middle: number, onProgress: () => void): VolumeUpload {
    return new VolumeUpload(this.#parentView, image, middle, onProgress);
  }

  /** `drawn` is called after each drawing. */
  createView(container: HTMLElement, background: readonly [number, number, number], drawn: () => void = () => undefined): ContextView {
    const renderWindow = vtkRenderWindow.newInstance();
    const renderer = vtkRenderer.newInstance();
    renderer.setBackground(background[0], background[1], background[2]);
    renderWindow.addRenderer(renderer);
    this.#parentWindow.addRenderWindow(renderWindow);
    const view = this.#parentView.addMissingNode(renderWindow) as vtkOpenGLRenderWindow | undefined;
    if (view === undefined) throw new StudioError('device', 'The graphics driver refused a drawing area. Restart the app.');
    renderWindow.addView(view);
    view.setContainer(container);
    // Listens to nothing: volume rendering asks one whether the picture is moving.
    const interactor = vtkRenderWindowInteractor.newInstance();
    interactor.setView(view);
    interactor.enable();
    const draw = (): void => {
      renderWindow.render();
      drawn();
    };
    return {
      renderer,
      resize: (width, height) => {
        view.setSize(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
        this.#parentView.resizeFromChildRenderWindows();
      },
      requestRender: () => this.#schedule(draw),
      dispose: () => {
        this.#pending.delete(draw);
        this.#parentWindow.removeRenderWindow(renderWindow);
        renderer.getViewProps().forEach((prop) => renderer.removeViewProp(prop));
        view.setContainer(null as never);
        interactor.delete();
        // The parent keeps every window that it was asked to show, with all that is drawn in it, until it is told otherwise.
        this.#parentNode.removeNode(view);
        renderWindow.delete();
        // Each view compiled shaders of its own, which are let go of with the last.
        if (this.#parentWindow.getChildRenderWindowsByReference().length === 0)
          this.#parentNode.getShaderCache().releaseGraphicsResources(this.#parentView);
      },
    };
  }

  /** Listens to the script time of drawn frames; returns what stops it. */
  onFrame(listener: FrameListener): () => void {
    this.#frameListeners.add(listener);
    return () => this.#frameListeners.delete(listener);
  }

  dispose(): void {
    this.#disposed = true;
    cancelAnimationFrame(this.#frame);
    this.#pending.clear();
    const context = this.#parentNode.getContext();
    this.#parentNode.releaseGraphicsResources();
    context?.getExtension('WEBGL_lose_context')?.loseContext();
    this.#parentView.delete();
    this.#parentWindow.delete();
  }

  #schedule(draw: () => void): void {
    if (this.#disposed) return;
    this.#pending.add(draw);
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const started = performance.now();
      const draws = [...this.#pending];
      this.#pending.clear();
      for (const each of draws) each();
      const elapsed = performance.now() - started;
      for (const listener of this.#frameListeners) listener(elapsed);
    });
  }
}
