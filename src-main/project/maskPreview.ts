import { StudioError } from '#shared/base/errors.ts';
import type { CancelSignal } from '#shared/contract/contract.ts';
import { acceptQuestion, type AcceptQuestion } from '#shared/domain/mask.ts';
import { labelCounts, labelMiddles } from '#shared/segmentation/index.ts';
import { axialAxis, slicePicture, type SlicePicture } from '#main/imageio/slicePicture.ts';
import { getCase } from '#main/library/index.ts';
import { fingerprintOf, maskToAccept, whyClosed } from './acceptCases.ts';
import { intensitiesOf, windowsFor } from './imageDescription.ts';
import { predictedLabels } from './predictions.ts';
import type { ProjectSession } from './session.ts';

const mostSlices = 6;
const pixels = 132;

export interface MaskPreview {
  /** Why it cannot be accepted in bulk, in a sentence. */
  readonly refused: string | null;
  /** What has to be decided first. */
  readonly asks: AcceptQuestion | null;
  /** Of the mask, for `acceptCases`: what is accepted is what was shown. */
  readonly fingerprint: string;
  readonly voxels: Readonly<Record<number, number>>;
  /** Middle slices of the largest labels, `number` from 1; one that is the middle of several stands once. */
  readonly slices: readonly (SlicePicture & { readonly number: number; readonly count: number; readonly of: readonly number[] })[];
}

/** What accepting a case in bulk would keep, to be looked at first. Throws what `readCaseImage` throws, `corrupt`, `cancelled`. */
export async function previewMask(
  session: ProjectSession,
  caseId: string,
  { prediction }: { readonly prediction: boolean },
  signal?: CancelSignal,
): Promise<MaskPreview> {
  const { read } = session.project;
  const closed = whyClosed(session, getCase(read, caseId));
  const found = closed ?? (await maskToAccept(session, caseId, prediction));
  if (typeof found === 'string') return { refused: found, asks: null, fingerprint: '', voxels: {}, slices: [] };
  const { mask } = found;
  const { volume: image, modality } = await session.images.get(caseId, signal);
  if (image.data.length !== mask.data.length)
    throw new StudioError('corrupt', 'The mask and the image of this case differ in size. Import the case again.');
  const voxels = labelCounts(mask);
  const [{ low, high } = { low: 0, high: 1 }] = windowsFor(modality, intensitiesOf(image.data));
  const axis = axialAxis(image.grid);
  const middles = [...labelMiddles(mask)].sort(([a], [b]) => (voxels[b] ?? 0) - (voxels[a] ?? 0));
  const bySlice = Map.groupBy(middles, ([, middle]) => middle[axis][axis]);
  const slices = [...bySlice].slice(0, mostSlices).map(([slice, labels]) => {
    const of = labels.map(([label]) => label);
    return {
      ...slicePicture(image, mask, { slice, size: pixels, window: [low, high], keep: of }),
      number: slice + 1,
      count: image.grid.size[axis],
      of,
    };
  });
  return {
    refused: null,
    asks: acceptQuestion(voxels, predictedLabels(session.project, caseId)),
    fingerprint: fingerprintOf(mask),
    voxels,
    slices,
  };
}
