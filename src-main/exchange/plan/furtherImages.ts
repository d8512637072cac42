/** Which images are one case's besides the leading one, and where they lie on it. */
import { onSameGrid, type Placement } from '#shared/domain/caseImages.ts';
import { spacing } from '#shared/geometry/grid.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import type { Draft } from './draft.ts';
import type { ExaminedImage } from './examine.ts';
import type { Joining } from './gatherFiles.ts';

type Place = Pick<ExaminedImage, 'grid' | 'frameOfReferenceUid'>;

/** As far apart two headers may be, in voxels, and still mean the same grid. */
const sameVoxel = 0.1;

/** Where an image lies on the leading one; null where nothing says it. */
export function placementOf(image: Place, leading: Place, { sameCoordinates }: Pick<Joining, 'sameCoordinates'>): Placement | null {
  if (sameGrid(image.grid, leading.grid, sameVoxel * Math.min(...spacing(leading.grid)))) return onSameGrid;
  const frame = image.frameOfReferenceUid;
  if (frame !== null && frame !== '' && frame === leading.frameOfReferenceUid) return { by: 'frame', toLeading: null };
  return sameCoordinates ? { by: 'hand', toLeading: null } : null;
}

/** The case has, or gains, an image of this content. */
export function hasContent({ image, further, existing }: Draft, contentHash: string): boolean {
  return (
    image.contentHash === contentHash ||
    existing?.contents.includes(contentHash) === true ||
    further.some((each) => each.contentHash === contentHash)
  );
}
