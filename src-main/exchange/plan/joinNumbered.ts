import { basename, dirname } from 'node:path';
import { channelBase, roleOf } from '#main/imageio/fileRole.ts';
import { plannedImage, type Draft } from './draft.ts';
import type { Drafts } from './drafts.ts';
import type { Joining } from './gatherFiles.ts';
import { placementOf } from './furtherImages.ts';
import type { NumberedFiles } from './importPlan.ts';

/** As many images as a case of a public data set has; more numbered files on the same voxels may as well be patients who were brought onto one grid. */
const mostImages = 4;

/**
 * Files of one folder that are numbered like nnU-Net's channels (x_0000, x_0001 …, without a gap) and lie on the same voxels, though nothing else
 * says that they are one case's: they are where the person says so, and unasked where none has more images than a case usually has.
 */
export function joinNumbered(drafts: Drafts, joining: Joining): NumberedFiles {
  const found = [...Map.groupBy(drafts.all.filter(isNumbered), ({ image }) => placeOf(image.paths[0] ?? '')).values()]
    .map((group) => group.toSorted((a, b) => numberOf(a) - numberOf(b)))
    .filter(areOneCase);
  const together = joining.numbered ?? (found.length > 0 && found.every((group) => group.length <= mostImages));
  if (together)
    for (const [leading, ...further] of found) {
      if (leading === undefined) continue;
      leading.image = { ...leading.image, name: nameOf(leading) };
      for (const draft of further) {
        const placement = placementOf(draft.image, leading.image, { sameCoordinates: false });
        if (placement !== null) drafts.absorb(leading, draft, plannedImage({ ...draft.image, name: nameOf(draft) }, placement));
      }
    }
  return { cases: found.length, together };
}

const numberOf = ({ image }: Draft): number => roleOf(basename(image.paths[0] ?? '')).channel ?? -1;
const nameOf = (draft: Draft): string => String(numberOf(draft)).padStart(4, '0');
const placeOf = (path: string): string => `${dirname(path)}\n${channelBase(roleOf(basename(path)).key)}`;

/** A file of one image, that no description and no mask makes a case. */
function isNumbered(draft: Draft): boolean {
  const { group, image, volume, further, parts } = draft;
  return group.name === null && !image.isDicom && volume === null && further.length + parts.length === 0 && numberOf(draft) >= 0;
}

function areOneCase(group: readonly Draft[]): boolean {
  const [leading, ...further] = group;
  return (
    leading !== undefined &&
    further.length > 0 &&
    group.every((draft, n) => numberOf(draft) === n) &&
    further.every(({ image, existing }) => existing === null && placementOf(image, leading.image, { sameCoordinates: false }) !== null)
  );
}
