import { basename, dirname, sep } from 'node:path';
import { toWireError } from '#shared/base/errors.ts';
import { asStored } from '#shared/domain/caseImages.ts';
import type { DicomReferences } from '#main/imageio/readImage.ts';
import { countedAlone, type Draft } from './draft.ts';
import type { Drafts } from './drafts.ts';
import { examineLabels } from './examine.ts';
import type { FoundSegmentation } from './gatherFiles.ts';
import type { FoundCase, ImportTarget } from './importTarget.ts';

/** Gives DICOM segmentations and structure sets to the series that they name, of these files or the project, or at least to a frame of reference. */
export class SegmentationDrafter {
  readonly #drafts: Drafts;
  readonly #target: ImportTarget;

  constructor(drafts: Drafts, target: ImportTarget) {
    this.#drafts = drafts;
    this.#target = target;
  }

  async add({ paths, refersTo, isContours }: FoundSegmentation): Promise<void> {
    const drafts = this.#drafts;
    // Contours have no voxels until it is known whose they are.
    const read = isContours ? null : await drafts.tried(paths, () => drafts.read(paths, null));
    if (read === null && !isContours) return;
    const { candidates, isNamed } = await this.#referredTo(refersTo, dirname(paths[0] ?? ''));
    if (candidates.length === 0) {
      drafts.refuse(
        paths,
        'not-found',
        `The images that this ${isContours ? 'structure set' : 'segmentation'} refers to are neither among these files nor in the project. Import their series as well.`,
      );
      return;
    }
    let failure: unknown;
    const fitting: (() => void)[] = [];
    for (const draft of candidates) {
      if (isNamed && fitting.length > 0) break;
      try {
        const labels = read ?? (await drafts.read(paths, draft.image.grid));
        const { part, laid } = examineLabels(paths, labels, draft.image.grid, new Map(), null);
        const counted = countedAlone(laid);
        fitting.push(() => {
          drafts.combine(draft, [part], counted);
        });
      } catch (error) {
        if (toWireError(error).code === 'cancelled') throw error;
        failure = error;
      }
    }
    if (fitting.length === 1) fitting[0]?.();
    else if (fitting.length > 1)
      drafts.refuse(
        paths,
        'conflict',
        `It names no series, and lies on ${String(fitting.length)} of them: ${candidates
          .slice(0, 3)
          .map(({ image }) => basename(dirname(image.paths[0] ?? '')))
          .join(', ')}. Import it with its own series alone.`,
      );
    else {
      const { code, message } = toWireError(failure);
      drafts.refuse(paths, code, message);
    }
  }

  /** The series that is named, of these files or the project; else those of its frame of reference; else, where nothing is named, those that lie beside it. */
  async #referredTo(
    { series, framesOfReference }: DicomReferences,
    folder: string,
  ): Promise<{ candidates: readonly Draft[]; isNamed: boolean }> {
    const dicom = this.#drafts.all.filter(({ image }) => image.isDicom);
    const named = dicom.filter(
      ({ image, furtherSeries }) =>
        (image.seriesUid !== null && series.includes(image.seriesUid)) || furtherSeries.some((each) => series.includes(each)),
    );
    if (named.length > 0) return { candidates: named, isNamed: true };
    const stored = await this.#target.findSeries({ series, framesOfReference: [] });
    if (stored.length > 0) return { candidates: stored.map((found) => this.#draftOf(found)), isNamed: true };
    const frame = dicom.filter(({ image }) => image.frameOfReferenceUid !== null && framesOfReference.includes(image.frameOfReferenceUid));
    if (frame.length > 0) return { candidates: frame, isNamed: false };
    if (framesOfReference.length > 0) {
      const inFrame = await this.#target.findSeries({ series: [], framesOfReference });
      return { candidates: inFrame.map((found) => this.#draftOf(found)), isNamed: false };
    }
    if (series.length > 0) return { candidates: [], isNamed: false };
    const beside = dicom.filter(({ image }) => image.paths.some((path) => path.startsWith(folder + sep)));
    return { candidates: beside.length > 0 ? beside : dicom, isNamed: false };
  }

  /** A case of the project that a mask is found for. */
  #draftOf({ existing, image, seriesUid, frameOfReferenceUid }: FoundCase): Draft {
    return (
      this.#drafts.withContent(image.contentHash) ??
      this.#drafts.add({
        group: { name: null, names: new Map() },
        image: {
          ...image,
          volume: null,
          name: '',
          scale: asStored,
          warnings: [],
          studyUid: null,
          seriesUid,
          patient: '',
          series: null,
          frameOfReferenceUid,
          looksLikeLabels: false,
          isDicom: true,
        },
        existing,
        volume: null,
      })
    );
  }
}
