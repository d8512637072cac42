import type { Cancellation } from '#shared/base/cancellation.ts';
import type { Disposable } from '#shared/base/disposable.ts';
import { must } from '#shared/base/assert.ts';
import type { AnyModelCard } from '#shared/domain/joinedModel.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { channelsOfModelCard, type TakenChannel } from '#shared/domain/modelChannels.ts';
import type { Volume } from '#shared/geometry/grid.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { isImported, isJoined, type StoredJoined, type StoredNetwork } from '#main/model/modelFolder.ts';
import { joinedPredictor } from './joinedPredictor.ts';
import { mirrorAxesFor } from './mirrorAxes.ts';
import { NetworkPredictor } from './networkPredictor.ts';
import { NnunetPredictor } from './nnunet/nnunetPredictor.ts';
import { predictImported } from './nnunet/predictImported.ts';
import { unlikeCard } from './scanLook.ts';
import { predictVolume, type VolumePrediction } from './predictVolume.ts';

export interface ScanPredictionOptions {
  readonly overlap?: number;
  /** Average over mirrored predictions, along the axes that the model allows. */
  readonly mirror?: boolean;
  readonly uncertainty?: boolean;
  readonly cancellation?: Cancellation;
  readonly onProgress?: (fraction: number) => void;
  readonly turn?: () => Promise<void>;
}

/** A stored model on a device, trained here or imported: scans in, labels on their grid out. */
export interface ScanPredictor extends Disposable {
  readonly labelSet: LabelSet;
  /** The images that it takes of a case, in order; null: the leading one, whatever it is called. */
  readonly channels: readonly TakenChannel[] | null;
  /** What sets a case's first image apart from all that the model learned from, one sentence each; none where that is not known. */
  unlike(first: Volume | null, modality: 'CT' | 'MR' | 'unknown'): string[];
  /**
   * One image for each channel, all on one grid; null for an optional one that the case lacks, though not for all. Throws `invalid-file` where an image
   * cannot be used.
   */
  predict(images: readonly (Volume | null)[], options?: ScanPredictionOptions): Promise<VolumePrediction>;
}

/** Of a model's card. */
export const channelsOfModel = ({ card }: { readonly card: AnyModelCard }): ScanPredictor['channels'] => channelsOfModelCard(card);

/** Throws `out-of-memory`, `device`. */
export async function openScanPredictor(executor: Executor, model: StoredNetwork | StoredJoined): Promise<ScanPredictor> {
  if (isJoined(model)) return joinedPredictor(model, (part) => openScanPredictor(executor, part));
  if (isImported(model)) {
    const { card, weights } = model;
    const predictor = await NnunetPredictor.create(executor, card, weights);
    return {
      labelSet: card.labelSet,
      channels: channelsOfModel(model),
      unlike: (first, modality) => unlikeCard(card, first, modality),
      predict: (images, options = {}) =>
        predictImported(images.map(present), card, predictor, { ...options, mirror: options.mirror === true }),
      dispose: () => predictor.dispose(),
    };
  }
  const { card, weights } = model;
  const predictor = await NetworkPredictor.create(executor, card.architecture, card.patch, weights);
  return {
    labelSet: card.labelSet,
    channels: channelsOfModel(model),
    unlike: (first, modality) => unlikeCard(card, first, modality),
    predict: (images, { mirror, ...options } = {}) =>
      predictVolume(images, card, predictor, { ...options, mirrorAxes: mirror === true ? mirrorAxesFor(card.labelSet, card) : [] }),
    dispose: () => predictor.dispose(),
  };
}

const present = (image: Volume | null): Volume => must(image, 'an image that this model needs');
