import { totalmem } from 'node:os';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ImageRecord } from '#shared/domain/image.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { readImage, type ReadImage } from '#main/imageio/readImage.ts';
import { listImages, type Project } from '#main/library/index.ts';

/** Decoded images of the cases in use: as many as fit into a sixth of the machine's memory, at least two, the longest unused go first. */
export class ImageCache {
  readonly #project: Project;
  readonly #images = new Map<string, ReadImage>();
  readonly #loading = new Map<string, Promise<ReadImage>>();
  readonly #maximumBytes: number;

  constructor(project: Project, maximumBytes = totalmem() / 6) {
    this.#project = project;
    this.#maximumBytes = maximumBytes;
  }

  /** The image of a case, decoded anew where it is not held. Callers that wait for the same image share one decoding. */
  async get(caseId: string, cancellation?: Cancellation): Promise<ReadImage> {
    const held = this.#images.get(caseId);
    if (held !== undefined) {
      this.#images.delete(caseId);
      this.#images.set(caseId, held);
      return held;
    }
    const loading = this.#loading.get(caseId) ?? this.#load(caseId, cancellation);
    this.#loading.set(caseId, loading);
    try {
      return await loading;
    } finally {
      this.#loading.delete(caseId);
    }
  }

  release(caseId: string): void {
    this.#images.delete(caseId);
  }

  async #load(caseId: string, cancellation: Cancellation | undefined): Promise<ReadImage> {
    const record = imageOf(this.#project, caseId);
    const image = await readImage(imagePaths(this.#project, record), cancellation === undefined ? {} : { cancellation });
    if (image.contentHash !== record.contentHash && !sameGrid(image.volume.grid, record.grid)) {
      throw new StudioError('conflict', 'The image file is no longer the one that was imported: its size or place differs. Put the original back, or import the new file as a case of its own.');
    }
    this.#images.set(caseId, image);
    this.#evict();
    return image;
  }

  #evict(): void {
    let bytes = [...this.#images.values()].reduce((sum, image) => sum + image.volume.data.byteLength, 0);
    for (const [caseId, image] of this.#images) {
      if (bytes <= this.#maximumBytes || this.#images.size <= 2) return;
      this.#images.delete(caseId);
      bytes -= image.volume.data.byteLength;
    }
  }
}

/** The image that a case is about; `not-found` where it has none. */
export function imageOf(project: Project, caseId: string): ImageRecord {
  const [record] = listImages(project.read, caseId);
  if (record === undefined) throw new StudioError('not-found', 'This case has no image.');
  return record;
}

/** Absolute paths of its files. */
export function imagePaths(project: Project, record: ImageRecord): readonly string[] {
  return record.storage === 'reference' ? record.paths : record.paths.map((path) => project.paths.inside(path));
}
