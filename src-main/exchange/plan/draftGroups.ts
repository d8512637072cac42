import { basename, dirname, sep } from 'node:path';
import { caseName } from '#main/imageio/dataset.ts';
import type { LabelNames } from '#main/imageio/labelNames.ts';
import { isCalledAfter, withoutMaskWord } from '#main/imageio/fileRole.ts';
import { withoutImage, type MaskPart } from '#main/imageio/pairMasks.ts';
import type { PlanAnswers } from './answers.ts';
import { plannedImage, volumeRemark, type Draft } from './draft.ts';
import type { Drafts } from './drafts.ts';
import { examineImage, examineMask, type ExaminedImage, type FoundImage } from './examine.ts';
import { hasContent, placementOf } from './furtherImages.ts';
import { volumeNotTaken, type GatheredGroup, type Joining } from './gatherFiles.ts';
import type { ImportTarget } from './importTarget.ts';

/** Makes cases of images and the masks that their names and folders give them. */
export class GroupDrafter {
  readonly #drafts: Drafts;
  readonly #target: ImportTarget;
  readonly #joining: Joining;
  readonly #answers: PlanAnswers;
  readonly #likeLabels: GatheredGroup[] = [];
  #isSettled = false;

  constructor(drafts: Drafts, target: ImportTarget, joining: Joining, answers: PlanAnswers) {
    this.#drafts = drafts;
    this.#target = target;
    this.#joining = joining;
    this.#answers = answers;
  }

  async add(group: GatheredGroup): Promise<void> {
    if (group.volumes > 1) return this.#addSeveral(group);
    const found = group.images.map((paths, n) => ({ paths, volume: null, name: group.imageNames[n] ?? '' }));
    return this.#addCase(group, found, null);
  }

  /**
   * Volumes that look like masks, and whose names do not say so plainly: masks of the series beside them; where a part of the name says it, of the image
   * that is called after them; or images after all.
   */
  async settle(): Promise<void> {
    this.#isSettled = true;
    const named = new Set<GatheredGroup>();
    for (const group of this.#likeLabels) {
      const [[path = ''] = []] = group.images;
      const series = this.#seriesBeside(path);
      if (series !== null && (await this.#takeAsMask(series, group, path))) continue;
      // What a data set lists as an image is one.
      if (group.name !== null || withoutMaskWord(path) === null) await this.add(group);
      else named.add(group);
    }
    for (const { images, names } of named) await this.addLonely(images[0]?.[0] ?? '', names);
  }

  /** A mask that no image is called like: of the only one in its folder that is called after it and has its voxels. */
  async addLonely(path: string, names: LabelNames): Promise<void> {
    const key = withoutMaskWord(path) ?? '';
    const near = this.#drafts.all.filter(({ image, parts }) => {
      const [first = ''] = image.paths;
      return parts.length === 0 && !image.isDicom && dirname(first) === dirname(path) && isCalledAfter(first, key);
    });
    const fitting: (() => void)[] = [];
    for (const draft of near) {
      const found = await examineMask([{ path, structure: null, byFolder: true }], draft.image.grid, names, this.#drafts.cancellation);
      if (!('skipped' in found))
        fitting.push(() => {
          this.#drafts.combine(draft, found.parts, found);
        });
    }
    if (fitting.length === 1) fitting[0]?.();
    else this.#drafts.refuse([path], 'unsupported', withoutImage(path));
  }

  /**
   * The volumes of one file: the channels of one case, where a description has a name for each or the person says so; else each one that is taken is
   * a case, and a mask goes with the first of them.
   */
  async #addSeveral(group: GatheredGroup): Promise<void> {
    const { volume } = this.#joining;
    const [paths = [], ...further] = group.images;
    const name = basename(paths[0] ?? '');
    const isNamed = group.channels.length === group.volumes;
    const all = Array.from({ length: group.volumes }, (_, n) => ({
      paths,
      volume: n + 1,
      name: isNamed ? (group.channels[n] ?? '') : `volume ${String(n + 1)}`,
    }));
    this.#drafts.refuse(further.flat(), 'unsupported', `It belongs to ${name}, which holds several volumes itself.`);
    if (volume === 'channels' || (volume === null && isNamed)) return this.#addCase(group, all, null);
    const [first, ...others] = all.filter((each) => volume === 'each' || volume === each.volume);
    if (first === undefined) {
      this.#drafts.refuse(
        paths,
        'unsupported',
        volumeNotTaken(paths[0] ?? '', { count: group.volumes }, { volume, answers: this.#answers }, group.channels),
      );
      const masks = group.masks.map(({ path }) => path);
      this.#drafts.refuse(masks, 'unsupported', `It belongs to ${name}, of which no volume is taken.`);
      return;
    }
    const unnamed = (each: FoundImage): FoundImage => (isNamed ? each : { ...each, name: '' });
    await this.#addCase(group, [unnamed(first)], first.volume);
    for (const other of others) await this.#addCase({ ...group, masks: [] }, [unnamed(other)], other.volume);
  }

  /** One case of these images, led by the first that can be read. `volume`: the case is one of several volumes of its file. */
  async #addCase(group: GatheredGroup, found: readonly FoundImage[], volume: number | null): Promise<void> {
    const drafts = this.#drafts;
    const waiting = [...found];
    let image: ExaminedImage | null = null;
    while (image === null && waiting.length > 0) {
      const next = waiting.shift() as FoundImage;
      image = await drafts.tried(next.paths, () => examineImage(next, drafts.cancellation));
      // The volumes of one file are read, or not, together.
      if (image === null && next.volume !== null) break;
    }
    if (image === null) {
      const masks = group.masks.map(({ path }) => path);
      drafts.refuse(masks, 'invalid-file', `Its image ${basename(found[0]?.paths[0] ?? '')} cannot be read.`);
      return;
    }
    const isAlone = found.length === 1 && group.masks.length === 0 && group.volumes === 1;
    if (isAlone && image.looksLikeLabels && !this.#isSettled) {
      this.#likeLabels.push(group);
      return;
    }
    const draft = this.#draftOf(group, image, volume);
    const alone = await this.#addFurther(draft, waiting, group.isLoose);
    await this.#addMask(draft, group.masks, group.names);
    for (const { paths, name } of alone) await this.add({ ...group, images: [paths], imageNames: [name], masks: [] });
  }

  /** The case with this content, of these files or the project, or a new one that it leads. */
  #draftOf(group: GatheredGroup, image: ExaminedImage, volume: number | null): Draft {
    const drafts = this.#drafts;
    const before = drafts.withContent(image.contentHash);
    if (before !== null) {
      drafts.repeat(image.paths, before.image.paths[0] ?? '');
      return before;
    }
    const existing = this.#target.find(image.contentHash);
    if (existing !== null) {
      drafts.repeat(image.paths, `${existing.name} (in the project)`);
      const { grid } = existing; // masks lie on the leading image, whichever this is
      return drafts.ofCase(existing.caseId) ?? drafts.add({ group, image: { ...image, grid }, existing, volume });
    }
    const remark = volume === null ? [] : [volumeRemark(volume, group)];
    return drafts.add({ group, image: { ...image, warnings: [...image.warnings, ...remark] }, existing: null, volume });
  }

  /** Gives a case further images; answers with those that lie elsewhere and, where `isLoose`, may be cases of their own. */
  async #addFurther(draft: Draft, found: readonly FoundImage[], isLoose: boolean): Promise<readonly FoundImage[]> {
    const drafts = this.#drafts;
    const alone: FoundImage[] = [];
    for (const each of found) {
      const image = await drafts.tried(each.paths, () => examineImage(each, drafts.cancellation));
      if (image === null) continue;
      const placement = placementOf(image, draft.image, this.#joining);
      if (hasContent(draft, image.contentHash)) {
        if (each.volume === null) drafts.repeat(each.paths, draft.image.paths[0] ?? '');
      } else if (placement !== null) {
        if (placement.by === 'hand') drafts.elsewhere++;
        drafts.addFurther(draft, plannedImage(image, placement), image.warnings);
      } else if (isLoose) alone.push(each);
      else {
        drafts.elsewhere++;
        const lies = `It belongs to ${basename(draft.image.paths[0] ?? '')}, and lies on other voxels.`;
        drafts.refuse(each.paths, 'invalid-file', `${lies} ${this.#answers.coordinates}`);
      }
    }
    return alone;
  }

  async #addMask(draft: Draft, masks: readonly MaskPart[], names: LabelNames): Promise<void> {
    if (masks.length === 0) return;
    const found = await examineMask(masks, draft.image.grid, names, this.#drafts.cancellation);
    if ('skipped' in found)
      for (const { path, code, message } of found.skipped)
        this.#drafts.refuse([path], code, `${message} The image is taken without this mask.`);
    else this.#drafts.combine(draft, found.parts, found);
  }

  /** The DICOM series that is the only image in the file's folder and below it, and lies there or right below. */
  #seriesBeside(path: string): Draft | null {
    const folder = dirname(path);
    const [only, ...others] = this.#drafts.all.filter(({ image }) => (image.paths[0] ?? '').startsWith(folder + sep));
    const own = dirname(only?.image.paths[0] ?? '');
    return only?.image.isDicom === true && others.length === 0 && (own === folder || dirname(own) === folder) ? only : null;
  }

  /** A volume of few whole numbers on the voxels of the series beside it is that series' mask, whatever it is called. */
  async #takeAsMask(series: Draft, group: GatheredGroup, path: string): Promise<boolean> {
    const structure = group.names.size > 0 ? null : caseName(path);
    const found = await examineMask([{ path, structure, byFolder: true }], series.image.grid, group.names, this.#drafts.cancellation);
    if ('skipped' in found) return false;
    this.#drafts.combine(series, found.parts, found);
    return true;
  }
}
