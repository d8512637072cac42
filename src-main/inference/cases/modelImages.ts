import type { Cancellation } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import { sameChannelName } from '#shared/domain/caseImages.ts';
import { chosenChannels, lackingText, type CaseFiles } from '#shared/domain/trainingCase.ts';
import type { Grid, Volume } from '#shared/geometry/grid.ts';
import { imagesOf, readCaseImages } from '#main/imageio/readCaseImages.ts';
import type { ScanPredictor } from '#main/inference/scanPredictor.ts';

export interface ModelImages {
  /** Of the case's leading image. */
  readonly grid: Grid;
  /** One for each channel of the model, on that grid; null: the case lacks it, which the model bears. */
  readonly images: readonly (Volume | null)[];
  /** Of the first. */
  readonly modality: 'CT' | 'MR' | 'unknown';
  /** What the person should know: what was resampled, what is missing. */
  readonly notes: readonly string[];
}

/** What a model needs of a case and the case lacks, by name, without reading it. */
export function lackedBy(files: CaseFiles, channels: ScanPredictor['channels']): string[] {
  const wanted = channels ?? [];
  const chosen = chosenChannels(
    imagesOf(files),
    wanted.map(({ name }) => name),
  );
  return wanted.flatMap(({ name, optional }, n) => (chosen[n] === null && !optional ? [name] : []));
}

/** Reads what a model takes of a case. Throws `unsupported` where the case lacks an image that the model needs, naming it, and what `readImage` throws. */
export async function readForModel(
  files: CaseFiles,
  channels: ScanPredictor['channels'],
  cancellation: Cancellation,
): Promise<ModelImages> {
  const wanted = channels?.map(({ name }) => name);
  const { grid, images, notes } = await readCaseImages(files, wanted, cancellation);
  const missing = (channels ?? []).filter((_channel, n) => images[n] === null);
  const names = missing.map(({ name }) => name);
  const own = imagesOf(files);
  if (images.every((image) => image === null) || missing.some(({ optional }) => !optional))
    throw new StudioError('unsupported', `this model needs ${quoted(wanted ?? [])}, but ${lackingText(own, names)}.`);
  return {
    grid,
    images: images.map((image) => image?.volume ?? null),
    modality: images[0]?.modality ?? 'unknown',
    notes: [
      ...notes,
      ...(names.length > 0 ? [`The case has no ${quoted(names)}: the model was trained to do without, and predicts from the others.`] : []),
      ...takenAs(own[0]?.name ?? '', own.length === 1 && wanted?.length === 1 ? (wanted[0] ?? '') : ''),
    ],
  };
}

function takenAs(own: string, wanted: string): string[] {
  if (own === '' || wanted === '' || sameChannelName(own, wanted)) return [];
  return [`The case's only image is called “${own}”, the model's “${wanted}”: it was taken for that.`];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `“${name}”`).join(', ');
}
