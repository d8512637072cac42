import type { Client } from '#shared/contract/client.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { Affine, Volume } from '#shared/geometry/grid.ts';
import { rigidAbout, rigidParts, type RigidParts } from '#shared/geometry/rigid.ts';
import type { Activities } from './activities.svelte.ts';
import { readImage, windowsOf, type ImageDescription, type WindowPreset } from './caseData.ts';
import { scanName } from './scanName.ts';
import type { ViewerState, Window } from './viewer.svelte.ts';

export type CaseImageInfo = ImageDescription['images'][number] & {
  /** Another scan of the patient: how it is called, and whether something says where it lies. */
  readonly scan?: { readonly name: string; readonly isPlaced: boolean };
};

/** An image that lies over the one that is shown. */
export interface Blend {
  readonly index: number;
  readonly colorMap: string;
  /** 0 … 1. */
  readonly opacity: number;
}

/** What an image has under the pointer. */
export interface ImageValue {
  readonly name: string;
  readonly value: number;
  /** 'HU', 'SUV' or nothing. */
  readonly unit: string;
}

interface Read {
  readonly description: ImageDescription;
  readonly volume: Volume;
}

interface Parts {
  readonly client: Client;
  readonly activities: Activities;
  readonly viewer: ViewerState;
  readonly caseId: string;
  /** The leading image, which is there already. */
  readonly leading: Read;
  /** A stroke is under way: nothing large is begun. */
  readonly isBusy: () => boolean;
}

/** A further image up to this size is read unasked, once the leading one is shown. */
const MOST_BYTES = 256 * 1024 ** 2;
const strokePause = 100;

/** The windows that a case was looked at in: the leading image's in the units that a person knows, the others' in stored values, by image. */
export interface RememberedWindows {
  readonly width: number;
  readonly level: number;
  readonly others: Readonly<Record<string, Window>>;
}

/** The images of the open case: which is in the views, which lies over it or beside it, and the window of each. */
export class CaseImages {
  readonly #parts: Parts;
  all = $state.raw<readonly CaseImageInfo[]>([]);
  /** The one in the views, by its place in `all`. */
  shown = $state(0);
  blend = $state.raw<Blend | null>(null);
  /** The one in the second view where two stand side by side; null: one view. */
  beside = $state<number | null>(null);
  /** What is here of each; null: not yet. */
  read = $state.raw<readonly (Read | null)[]>([]);
  /** Those that are on their way. */
  loading = $state.raw<ReadonlySet<number>>(new Set());
  /** Of those that are not in the views. */
  #windows = $state.raw<readonly (Window | null)[]>([]);
  readonly #ending = new AbortController();
  readonly #waiting = new Map<number, Promise<boolean>>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.all = parts.leading.description.images;
    this.read = this.all.map((_, n) => (n === 0 ? parts.leading : null));
    this.#windows = this.all.map(() => null);
  }

  nameOf(index: number): string {
    const image = this.all[index];
    if (image?.scan !== undefined) return image.scan.name;
    return image === undefined || image.name === '' ? `Image ${String(index + 1)}` : image.name;
  }

  get description(): ImageDescription {
    return (this.read[this.shown] ?? this.#parts.leading).description;
  }

  get presets(): readonly WindowPreset[] {
    return windowsOf(this.description);
  }

  /** In stored values. */
  windowOf(index: number): Window {
    const { viewer, leading } = this.#parts;
    return index === this.shown ? viewer.window : (this.#windows[index] ?? firstWindow((this.read[index] ?? leading).description));
  }

  /** Brings an image into the views, in its own window, once it is here. Answers whether it is. */
  async show(index: number): Promise<boolean> {
    if (index === this.shown || !(await this.fetch(index))) return index === this.shown;
    const { viewer } = this.#parts;
    const next = this.windowOf(index);
    this.#windows = this.#windows.with(this.shown, viewer.window);
    this.shown = index;
    viewer.rescale = this.description;
    viewer.window = next;
    if (this.blend?.index === index) this.blend = null;
    return true;
  }

  /** Places an image by hand on the leading one and shows it where it lies then; null: where its header says. */
  async place(index: number, parts: RigidParts | null): Promise<void> {
    const { client, activities, caseId, viewer } = this.#parts;
    const image = this.all[index];
    if (image === undefined) return;
    const toLeading = parts === null ? null : rigidAbout(viewer.middle(), parts);
    const placed = await activities.run(`Placing ${this.nameOf(index)}`, () =>
      client.images.place({ caseId, imageId: image.imageId, toLeading: toLeading === null ? null : [...toLeading] }),
    );
    if (placed === undefined) return;
    this.all = this.all.with(index, {
      ...image,
      placedBy: 'hand',
      toLeading: toLeading === null ? null : [...toLeading],
      ...(image.scan && { scan: { ...image.scan, isPlaced: true } }),
    });
    const before = this.windowOf(index);
    const anew = await this.#fresh(index);
    if (anew === null) return;
    if (index !== this.shown) this.#windows = this.#windows.with(index, before);
    this.read = this.read.with(index, anew);
  }

  /** Gives one of the case's images another name in all cases. */
  async rename(index: number, to: string): Promise<void> {
    const { client, activities } = this.#parts;
    const image = this.all[index];
    if (image === undefined || to.trim() === '' || to.trim() === image.name) return;
    const done = await activities.run(`Renaming ${this.nameOf(index)}`, () => client.images.rename({ from: image.name, to }));
    if (done === undefined) return;
    this.all = this.all.with(index, { ...image, name: to.trim() });
    activities.say(`Renamed in ${done.images === 1 ? '1 case' : `${String(done.images)} cases`}. Project history takes it back.`, 'good');
    if (done.warning !== null) activities.say(done.warning, 'warning');
  }

  /** How an image is placed: about the middle of the leading one. */
  placeOf(index: number): RigidParts {
    return rigidParts(this.#parts.viewer.middle(), (this.all[index]?.toLeading ?? null) as Affine | null);
  }

  /** The next or the previous one. */
  step(by: 1 | -1): void {
    const count = this.all.length;
    if (count > 1) void this.show((this.shown + by + count) % count);
  }

  /** Lays an image over the one that is shown; null: none. */
  async setBlend(index: number | null): Promise<void> {
    if (index === null || index === this.shown) this.blend = null;
    else if (await this.fetch(index)) this.blend = { colorMap: 'inferno', opacity: 0.5, ...this.blend, index };
  }

  /** Shows an image in a view of its own beside the shown one; null: none. */
  async setBeside(index: number | null): Promise<void> {
    if (index === null || (await this.fetch(index))) this.beside = index;
  }

  /** The image that comes into question where the person names none. */
  get other(): number {
    return this.blend?.index ?? this.beside ?? (this.shown + 1) % this.all.length;
  }

  /** Window of an image that is not in the views, in the units that a person knows. */
  setWindow(index: number, low: number, high: number): void {
    const { description } = this.read[index] ?? this.#parts.leading;
    const stored = (value: number): number => (value - description.intercept) / (description.slope || 1);
    const window = { center: (stored(low) + stored(high)) / 2, width: Math.max(1e-3, stored(high) - stored(low)) };
    if (index === this.shown) this.#parts.viewer.window = window;
    else this.#windows = this.#windows.with(index, window);
  }

  /** Values of the images that are here, at a voxel of the leading grid; the shown one's first. */
  valuesAt(at: number): ImageValue[] {
    const order = [this.shown, ...this.all.map((_, index) => index).filter((index) => index !== this.shown)];
    return order.flatMap((index) => {
      const read = this.read[index];
      if (read === null || read === undefined) return [];
      const { slope, intercept, modality } = read.description;
      const unit = this.all[index]?.unit === 'SUVbw' ? 'SUV' : modality === 'CT' ? 'HU' : '';
      return [{ name: this.nameOf(index), value: (read.volume.data[at] ?? 0) * slope + intercept, unit }];
    });
  }

  /** The leading images of other scans of the patient come behind the case's own; they are read when they are asked for. */
  addScans(
    scans: readonly { readonly date: string | null; readonly name: string; readonly isPlaced: boolean; readonly image: CaseImageInfo }[],
  ): void {
    const added = scans.map(({ image, ...scan }) => ({ ...image, scan: { name: scanName(scan), isPlaced: scan.isPlaced } }));
    this.all = [...this.all, ...added];
    this.read = [...this.read, ...added.map(() => null)];
    this.#windows = [...this.#windows, ...added.map(() => null)];
  }

  /** Reads the further images of the case one after the other, those that are not too large. */
  async readAll(): Promise<void> {
    for (const [index, { scan }] of this.all.entries()) {
      if (scan !== undefined) continue;
      while (this.#parts.isBusy() && !this.#ending.signal.aborted) await new Promise((done) => setTimeout(done, strokePause));
      if (this.#ending.signal.aborted) return;
      await this.fetch(index, MOST_BYTES);
    }
    performance.mark('images-read');
  }

  /** Whether an image is here, once it was read; one that cannot be read is said, and the others go on. */
  fetch(index: number, most = Infinity): Promise<boolean> {
    if (this.read[index] !== null) return Promise.resolve(this.read[index] !== undefined);
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) return most === Infinity ? waiting.then((isHere) => isHere || this.fetch(index)) : waiting;
    const begun = this.#read(index, most).finally(() => {
      this.#waiting.delete(index);
      this.loading = new Set(this.#waiting.keys());
    });
    this.#waiting.set(index, begun);
    this.loading = new Set(this.#waiting.keys());
    return begun;
  }

  async #read(index: number, most: number): Promise<boolean> {
    const read = await this.#fresh(index, most);
    if (read !== null) this.read = this.read.with(index, read);
    return read !== null;
  }

  /** An image as the host has it now; null where it cannot be read (which is said), is larger than `most` bytes, or the case was closed. */
  async #fresh(index: number, most = Infinity): Promise<Read | null> {
    const { client, activities, caseId, leading } = this.#parts;
    const imageId = this.all[index]?.imageId ?? '';
    const read = await activities.run(`Reading ${this.nameOf(index)}`, async ({ signal, report }) => {
      const context = { signal: AbortSignal.any([signal, this.#ending.signal]), report };
      const found = await readImage(client, caseId, context, most, imageId);
      if (found !== null && found.volume.data.length !== leading.volume.data.length)
        throw new StudioError('corrupt', 'This image and the leading one of the case differ in size. Open the case again.');
      return found;
    });
    return this.#ending.signal.aborted ? null : (read ?? null);
  }

  /** Takes the windows that `remembered` gave when the case was last left; what is none of them changes nothing. */
  recall(kept: unknown): void {
    const { width, level, others } = (kept ?? {}) as Partial<Record<keyof RememberedWindows, unknown>>;
    if (this.shown === 0) this.#parts.viewer.setShownWindow(Number(width), Number(level));
    const given = (others ?? {}) as Record<string, Partial<Window> | undefined>;
    this.#windows = this.#windows.map((before, index) => {
      const window = given[this.all[index]?.imageId ?? ''];
      const isOne = before === null && Number.isFinite(window?.center) && Number(window?.width) > 0;
      return isOne ? { center: Number(window?.center), width: Number(window?.width) } : before;
    });
  }

  get remembered(): RememberedWindows {
    const { slope, intercept } = this.#parts.leading.description;
    const { center, width } = this.windowOf(0);
    const others = this.all.flatMap(({ imageId }, index) => {
      const window = index === this.shown ? this.#parts.viewer.window : this.#windows[index];
      return index === 0 || window === null || window === undefined ? [] : [[imageId, window] as const];
    });
    return { width: width * Math.abs(slope), level: center * slope + intercept, others: Object.fromEntries(others) };
  }

  /** Nothing more is read. */
  end(): void {
    this.#ending.abort();
  }
}

/** The window that an image begins with, in stored values. */
export function firstWindow(description: ImageDescription): Window {
  const [first] = windowsOf(description);
  const stored = (value: number): number => (value - description.intercept) / (description.slope || 1);
  const [low, high] = first === undefined ? description.range : [stored(first.low), stored(first.high)];
  return { center: (low + high) / 2, width: Math.max(1e-3, high - low) };
}
