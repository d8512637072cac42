import { voxelCount } from '#shared/geometry/grid.ts';
import { plannedImage, type Draft } from './draft.ts';
import type { Drafts } from './drafts.ts';
import type { FoundSegmentation, Joining } from './gatherFiles.ts';
import { placementOf } from './furtherImages.ts';

/**
 * DICOM series of one study and frame of reference as the images of one case, where the person says so; answers with how many such cases there are.
 * The series that has a mask leads, or that a segmentation names; else a CT, else the one of most voxels. Series that have masks of their own, and
 * the volumes of one series, stay cases of their own.
 */
export function joinStudies(drafts: Drafts, segmentations: readonly FoundSegmentation[], joining: Joining): number {
  const named = new Set(segmentations.flatMap(({ refersTo }) => refersTo.series));
  const inPlace = Map.groupBy(
    drafts.all.filter(({ image, existing, volume }) => isSeries(image) && existing === null && volume === null),
    ({ image }) => `${image.studyUid ?? ''}\n${image.frameOfReferenceUid ?? ''}`,
  );
  let count = 0;
  for (const together of inPlace.values()) {
    const series = together.filter(({ image }) => together.filter((other) => other.image.seriesUid === image.seriesUid).length === 1);
    const [leading, ...others] = series.toSorted((a, b) => rankOf(b, named) - rankOf(a, named) || voxels(b) - voxels(a));
    const further = others.filter(({ image, parts }) => parts.length === 0 && !named.has(image.seriesUid ?? ''));
    if (leading === undefined || further.length === 0) continue;
    count++;
    if (joining.studies) join(drafts, leading, further, joining);
  }
  return count;
}

const isSeries = ({ isDicom, seriesUid, frameOfReferenceUid }: Draft['image']): boolean =>
  isDicom && (seriesUid ?? '') !== '' && (frameOfReferenceUid ?? '') !== '';
const voxels = ({ image }: Draft): number => voxelCount(image.grid);
const rankOf = ({ image, parts }: Draft, named: ReadonlySet<string>): number =>
  (parts.length > 0 ? 4 : 0) + (named.has(image.seriesUid ?? '') ? 2 : 0) + (image.series?.modality === 'CT' ? 1 : 0);

function join(drafts: Drafts, leading: Draft, further: readonly Draft[], joining: Joining): void {
  const all = [leading, ...further];
  const names = namesOf(all);
  leading.image = { ...leading.image, name: names[0] ?? '' };
  for (const [n, { image }] of further.entries()) {
    const placement = placementOf(image, leading.image, joining);
    if (placement === null) continue;
    drafts.absorb(leading, further[n] as Draft, plannedImage({ ...image, name: names[n + 1] ?? '' }, placement));
  }
}

/** CT and PET by what they are, where there is one of them; other series by their descriptions. No two are called the same. */
function namesOf(drafts: readonly Draft[]): string[] {
  const names: string[] = [];
  const modalities = drafts.map(({ image }) => image.series?.modality ?? '');
  for (const [n, { image }] of drafts.entries()) {
    const modality = modalities[n] ?? '';
    const isOnly = modalities.filter((each) => each === modality).length === 1;
    const plain = { CT: 'CT', PT: 'PET' }[modality];
    const called = (isOnly ? plain : undefined) ?? (image.series?.description || plain || modality || 'series');
    const taken = (name: string): boolean => names.includes(name);
    let name = called;
    for (let number = 2; taken(name); number++) name = `${called} ${String(number)}`;
    names.push(name);
  }
  return names;
}
