import type vtkDataArray from '@kitware/vtk.js/Common/Core/DataArray';
import type vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
import type vtkOpenGLRenderWindow from '@kitware/vtk.js/Rendering/OpenGL/RenderWindow';
import vtkOpenGLTexture from '@kitware/vtk.js/Rendering/OpenGL/Texture';
import type { Disposable } from '#shared/base/disposable.ts';

type Voxels = Int16Array | Uint8Array | Uint16Array | Float32Array;

/** What vtk has and its types leave out. */
interface Texture {
  setOpenGLRenderWindow(view: unknown): void;
  setOglNorm16Ext(extension: unknown): void;
  resetFormatAndType(): void;
  create3DFilterableFromDataArray(options: {
    readonly width: number;
    readonly height: number;
    readonly depth: number;
    readonly dataArray: unknown;
  }): boolean;
  getOpenGLDataType(vtkType: string): number;
  getFormat(vtkType: string, components: number): number;
  updateArrayDataTypeForGL(
    vtkType: string,
    data: readonly Voxels[],
    isVolume: boolean,
    extents: readonly (readonly number[])[],
  ): readonly Voxels[];
  activate(): void;
  deactivate(): void;
}

interface TextureOwner {
  getContext(): WebGL2RenderingContext;
  isDeleted(): boolean;
  setGraphicsResourceForObject(core: vtkDataArray, texture: Texture, hash: string): void;
  registerGraphicsResourceUser(core: vtkDataArray, user: object): void;
  unregisterGraphicsResourceUser(core: vtkDataArray, user: object): void;
}

/** Bytes of one call to the driver: short enough to stop in time. */
const slabBytes = 2 ** 21;
/** Script milliseconds that an animation frame gives to uploading. */
const frameBudget = 4;
/** Milliseconds between two drawings of what has arrived. */
const drawingInterval = 120;

/** Slabs of `count` slices in all, those next to `middle` first: [first, end). */
export function slabOrder(slices: number, perSlab: number, middle: number): readonly (readonly [number, number])[] {
  const slabs = Array.from({ length: Math.ceil(slices / perSlab) }, (_, n) => [n * perSlab, Math.min(slices, (n + 1) * perSlab)] as const);
  const distance = ([first, end]: readonly [number, number]): number =>
    middle >= first && middle < end ? -1 : Math.abs((first + end - 1) / 2 - middle);
  return slabs.toSorted((a, b) => distance(a) - distance(b));
}

/** Whether every byte is zero; looks at eight at a time. */
export function isEmpty(data: Voxels): boolean {
  const words = Math.floor(data.byteLength / 8);
  if (data.byteOffset % 8 === 0) {
    const wide = new BigUint64Array(data.buffer, data.byteOffset, words);
    for (let at = 0; at < words; at++) if (wide[at] !== 0n) return false;
  }
  return data.subarray(data.byteOffset % 8 === 0 ? Math.floor((words * 8) / data.BYTES_PER_ELEMENT) : 0).every((value) => value === 0);
}

/**
 * Brings a volume to the GPU in slabs between frames, so that the first slice is seen at once and no frame waits for hundreds of megabytes.
 * The texture is there, empty, from the start: boxes that are painted meanwhile go there by themselves. vtk's mappers find it under the
 * image's scalars and use it as their own.
 */
export class VolumeUpload implements Disposable {
  readonly #view: TextureOwner;
  readonly #scalars: vtkDataArray;
  readonly #texture = vtkOpenGLTexture.newInstance() as unknown as Texture;
  readonly #size: readonly [number, number, number];
  readonly #onProgress: () => void;
  readonly #slabs: (readonly [number, number])[];
  #frame = 0;
  #drawnAt = -Infinity;
  #disposed = false;
  #loaded: readonly [number, number];

  /** Begins with the slices about `middle` (of the image's third axis). `onProgress` is called when there is more to draw. */
  constructor(view: vtkOpenGLRenderWindow, image: vtkImageData, middle: number, onProgress: () => void) {
    this.#view = view as unknown as TextureOwner;
    this.#scalars = image.getPointData().getScalars();
    this.#size = image.getDimensions() as [number, number, number];
    this.#onProgress = onProgress;
    this.#allocate();
    const sliceBytes = this.#size[0] * this.#size[1] * this.#data().BYTES_PER_ELEMENT;
    this.#slabs = slabOrder(this.#size[2], Math.max(1, Math.floor(slabBytes / sliceBytes)), middle).toReversed();
    this.#loaded = this.#slabs.at(-1) ?? [0, this.#size[2]];
    this.#send(this.#slabs.pop());
    this.#schedule();
  }

  /** Slices [first, end) of the image's third axis that are on the GPU; they grow from the middle. */
  get loaded(): readonly [number, number] {
    return this.#loaded;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    cancelAnimationFrame(this.#frame);
    if (!this.#view.isDeleted()) this.#view.unregisterGraphicsResourceUser(this.#scalars, this);
  }

  #data(): Voxels {
    return this.#scalars.getData() as Voxels;
  }

  #allocate(): void {
    const [width, height, depth] = this.#size;
    const gl = this.#view.getContext();
    this.#texture.setOpenGLRenderWindow(this.#view);
    this.#texture.setOglNorm16Ext(gl.getExtension('EXT_texture_norm16'));
    this.#texture.resetFormatAndType();
    // The same array without its voxels: storage alone is made.
    const empty = {
      getNumberOfComponents: () => 1,
      getDataType: () => this.#scalars.getDataType(),
      getRange: () => this.#scalars.getRange(0),
      getData: () => null,
    };
    this.#texture.create3DFilterableFromDataArray({ width, height, depth, dataArray: empty });
    this.#view.setGraphicsResourceForObject(this.#scalars, this.#texture, String(this.#scalars.getMTime()));
    this.#view.registerGraphicsResourceUser(this.#scalars, this);
  }

  #schedule(): void {
    this.#frame = requestAnimationFrame(() => {
      const started = performance.now();
      while (this.#slabs.length > 0 && performance.now() - started < frameBudget) this.#send(this.#slabs.pop());
      if (this.#slabs.length > 0) this.#schedule();
      if (this.#slabs.length > 0 && started - this.#drawnAt < drawingInterval) return;
      this.#drawnAt = started;
      this.#onProgress();
    });
  }

  #send(slab: readonly [number, number] | undefined): void {
    if (slab === undefined) return;
    const [first, end] = slab;
    this.#loaded = [Math.min(first, this.#loaded[0]), Math.max(end, this.#loaded[1])];
    const [width, height] = this.#size;
    const data = this.#data();
    const voxels = data.subarray(first * width * height, end * width * height);
    if (isEmpty(voxels)) return; // As the texture is already.
    const gl = this.#view.getContext();
    const vtkType = this.#scalars.getDataType();
    const type = this.#texture.getOpenGLDataType(vtkType);
    const sameType =
      type ===
      { Int16Array: gl.SHORT, Uint16Array: gl.UNSIGNED_SHORT, Uint8Array: gl.UNSIGNED_BYTE, Float32Array: gl.FLOAT }[data.constructor.name];
    // Without 16-bit textures the driver takes floats: vtk converts the slab.
    const pixels = sameType
      ? voxels
      : this.#texture.updateArrayDataTypeForGL(vtkType, [data], true, [[0, width - 1, 0, height - 1, first, end - 1]])[0];
    this.#texture.activate();
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, first, width, height, end - first, this.#texture.getFormat(vtkType, 1), type, pixels ?? null);
    this.#texture.deactivate();
  }
}
