import { basename } from 'node:path';
import type { Cancellation } from '#shared/base/cancellation.ts';
import { toWireError, type ErrorCode } from '#shared/base/errors.ts';
import type { Grid } from '#shared/geometry/grid.ts';
import { fitMask } from '#main/imageio/fitMask.ts';
import { readLabels, type ReadLabels } from '#main/imageio/readImage.ts';
import { none, type Draft } from './draft.ts';
import { keysOf, type ExaminedPart } from './examine.ts';
import type { PlannedImage, SkippedFile } from './importPlan.ts';
import { MaskOverlaps } from './maskOverlaps.ts';
import { keyOfLabel } from './mapLabels.ts';
import type { CountedOverlaps } from './overlapOrder.ts';

/** The cases of a plan while it is made, and what becomes of the files that are none of theirs. */
export class Drafts {
  readonly cancellation: Cancellation;
  readonly skipped: SkippedFile[];
  readonly duplicates: { path: string; of: string }[] = [];
  readonly all: Draft[] = [];
  /** Images that lie on other voxels than the leading one of their case, taken or not. */
  elsewhere = 0;
  readonly #byHash = new Map<string, Draft>();

  constructor(cancellation: Cancellation, skipped: SkippedFile[]) {
    this.cancellation = cancellation;
    this.skipped = skipped;
  }

  /** The case that has an image of this content. */
  withContent(contentHash: string): Draft | null {
    return this.#byHash.get(contentHash) ?? null;
  }

  /** A case of the project, where these files bring something to it. */
  ofCase(caseId: string): Draft | null {
    return this.all.find(({ existing }) => existing?.caseId === caseId) ?? null;
  }

  /** A case without a mask so far, and with the leading image alone. */
  add(draft: Omit<Draft, 'further' | 'remarks' | 'furtherSeries' | 'parts' | 'counted' | 'isCounted'>): Draft {
    const added: Draft = { ...draft, further: [], remarks: [], furtherSeries: [], parts: [], counted: none, isCounted: true };
    this.#byHash.set(added.image.contentHash, added);
    this.all.push(added);
    return added;
  }

  /** Gives a case an image besides the leading one; `warnings`: what was unusual about it. */
  addFurther(draft: Draft, image: PlannedImage, warnings: readonly string[]): void {
    draft.further.push(image);
    draft.remarks.push(...warnings.map((warning) => (image.name === '' ? warning : `${image.name}: ${warning}`)));
    if (!this.#byHash.has(image.contentHash)) this.#byHash.set(image.contentHash, draft);
  }

  /** A case becomes an image of another one. */
  absorb(draft: Draft, absorbed: Draft, image: PlannedImage): void {
    this.all.splice(this.all.indexOf(absorbed), 1);
    this.#byHash.set(image.contentHash, draft);
    draft.furtherSeries.push(absorbed.image.seriesUid ?? '');
    this.addFurther(draft, image, absorbed.image.warnings);
  }

  /** Several masks of one image become one where they hold different labels; of two that hold the same, the first is taken. */
  combine(draft: Draft, parts: readonly ExaminedPart[], counted: CountedOverlaps): void {
    const before = draft.parts.length;
    for (const part of parts) {
      const same = draft.parts.find(({ contentHash }) => contentHash === part.contentHash);
      const keys = new Set(part.labels.map(keyOfLabel));
      const rival = parts.length > 1 ? undefined : draft.parts.find(({ labels }) => labels.some((label) => keys.has(keyOfLabel(label))));
      if (same !== undefined) this.repeat(part.paths, same.paths[0] ?? '');
      else if (rival !== undefined)
        this.refuse(
          part.paths,
          'conflict',
          `It holds labels that ${basename(rival.paths[0] ?? '')}, another mask of the same image, holds too; that one is taken.`,
        );
      else draft.parts.push(part);
    }
    if (draft.parts.length === before) return;
    draft.isCounted = before === 0 && draft.parts.length === parts.length;
    draft.counted = draft.isCounted ? counted : none;
  }

  /** Those that bring something: a new case, a further image or a mask. Masks that were found one after the other are laid together now that all are known. */
  async finished(): Promise<readonly Draft[]> {
    const bringing = this.all.filter(({ existing, further, parts }) => existing === null || further.length + parts.length > 0);
    for (const draft of bringing) if (!draft.isCounted) await this.#countAgain(draft);
    return bringing;
  }

  /** A mask's files; contours lie on the voxels of their image (`grid`). */
  read(paths: readonly string[], grid: Grid | null): Promise<ReadLabels> {
    return readLabels(paths, { cancellation: this.cancellation, overlaps: true, ...(grid !== null && { grid }) });
  }

  /** What the work gives; null where it fails: the files are refused with the reason. */
  async tried<T>(paths: readonly string[], work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      const { code, message } = toWireError(error);
      if (code === 'cancelled') throw error;
      this.refuse(paths, code, message);
      return null;
    }
  }

  /** Each file with the first reason: of a file of several volumes every one is tried. */
  refuse(paths: readonly string[], code: ErrorCode, message: string): void {
    const said = new Set(this.skipped.map(({ path }) => path));
    this.skipped.push(...paths.filter((path) => !said.has(path)).map((path) => ({ path, code, message })));
  }

  /** These files hold what is there already; a file of several volumes is said once. */
  repeat(paths: readonly string[], of: string): void {
    const said = new Set(this.duplicates.map(({ path }) => path));
    this.duplicates.push(...paths.filter((path) => !said.has(path)).map((path) => ({ path, of })));
  }

  async #countAgain(draft: Draft): Promise<void> {
    const overlaps = new MaskOverlaps();
    const { grid } = draft.image;
    for (const part of draft.parts) {
      const { volume, format, combinations } = await this.read(part.paths, grid);
      overlaps.add({ data: fitMask(volume, format, grid).volume.data, combinations, keys: keysOf(part) });
    }
    draft.counted = overlaps.count();
  }
}
