/** How an imported model goes on here: its own preprocessing and patch, its network with a head for each label of the masks. */
import { must } from '#shared/base/assert.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { ImportedModelCard, NnunetNetwork, NnunetNormalisation, NnunetPipeline } from '#shared/domain/importedModel.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import type { IntensityRule } from '#shared/domain/modelCard.ts';
import type { LabelVolume, Triple, Volume } from '#shared/geometry/grid.ts';
import { mirrorAxesFor } from '#main/inference/mirrorAxes.ts';
import { orientedFor, preprocess, preprocessLabels } from '#main/inference/nnunet/preprocess.ts';
import type { StoredImport } from '#main/model/modelFolder.ts';
import { headName } from '#main/model/nnunet/network.ts';
import { patchMultiple, type ImportedNetwork } from '#main/model/networkConfig.ts';
import { forLabels, type Weights } from '#main/model/weights.ts';
import { thickSlices, type TrainingPlan } from '../trainingPlan.ts';
import type { SeenCase } from './labelledCases.ts';

/** Network and pipeline for the labels of `classToLabel`. Throws `unsupported` for regions of which the card does not say what they hold. */
export function continued(
  { network, pipeline }: ImportedModelCard,
  classToLabel: readonly number[],
): { readonly network: ImportedNetwork; readonly pipeline: NnunetPipeline } {
  const { output } = pipeline;
  if (output.kind === 'labels')
    return {
      network: { ...network, heads: classToLabel.length },
      pipeline: { ...pipeline, output: { kind: 'labels', values: classToLabel } },
    };
  const { members } = output;
  if (members === undefined)
    throw new StudioError(
      'unsupported',
      'This model was imported before it was noted what its regions hold: import its nnU-Net folder again, to train it further.',
    );
  const known = output.values.flatMap((value, head) =>
    classToLabel.includes(value) ? [{ value, holds: (members[head] ?? []).filter((each) => classToLabel.includes(each)) }] : [],
  );
  const inSome = new Set(known.flatMap(({ holds }) => holds));
  // A label of no region is a region of its own, written over the others.
  const all = [...known, ...classToLabel.filter((value) => value > 0 && !inSome.has(value)).map((value) => ({ value, holds: [value] }))];
  return {
    network: { ...network, heads: all.length, regions: all.map(({ holds }) => holds.map((value) => classToLabel.indexOf(value))) },
    pipeline: { ...pipeline, output: { kind: 'regions', values: all.map(({ value }) => value), members: all.map(({ holds }) => holds) } },
  };
}

/** The weights of the fold that goes on, by their names without it. Each label keeps its head, wherever it stands now; a new one begins at zero. */
export function startingWeights({ card, weights }: StoredImport, pipeline: NnunetPipeline): Weights {
  const prefix = `${goingOn(card)}/`;
  const own = new Map([...weights].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])));
  const head = headName(card.network);
  const started = forLabels(own, card.pipeline.output.values, pipeline.output.values, [`${head}.weight`, `${head}.bias`]);
  return pipeline.output.kind === 'labels' ? started : headsApart(card.network, started);
}

/** Where heads are regions, each trains as a layer of its own. */
function headsApart(network: NnunetNetwork, weights: Weights): Weights {
  const apart = new Map(weights);
  for (const part of ['weight', 'bias']) {
    const joined = weights.get(`${headName(network)}.${part}`);
    if (joined === undefined) continue;
    apart.delete(`${headName(network)}.${part}`);
    const [heads = 1, ...shape] = joined.shape;
    const length = joined.data.length / heads;
    for (let head = 0; head < heads; head++)
      apart.set(`${headName(network, head)}.${part}`, {
        shape: [1, ...shape],
        data: joined.data.slice(head * length, (head + 1) * length),
      });
  }
  return apart;
}

function headsJoined(network: NnunetNetwork, weights: Weights): Weights {
  const joined = new Map(weights);
  for (const part of ['weight', 'bias']) {
    const heads = Array.from({ length: network.heads }, (_unused, head) => weights.get(`${headName(network, head)}.${part}`));
    const [first] = heads;
    if (first === undefined) continue;
    const data = new Float32Array(first.data.length * heads.length);
    heads.forEach((head, index) => {
      joined.delete(`${headName(network, index)}.${part}`);
      data.set(must(head, 'a head').data, index * first.data.length);
    });
    joined.set(`${headName(network)}.${part}`, { shape: [heads.length, ...first.shape.slice(1)], data });
  }
  return joined;
}

/** Of an ensemble the first fold goes on, alone. */
export const goingOn = ({ folds }: ImportedModelCard): string => must(folds[0], 'a fold');

/** As the folder of the model that went on holds them. */
export function asFold(card: ImportedModelCard, weights: Weights): Weights {
  return new Map([...headsJoined(card.network, weights)].map(([name, tensor]) => [`${goingOn(card)}/${name}`, tensor]));
}

/** What the model itself decides of a plan; `fits`: whether a step of a patch and batch fits the memory. Only where it does not is the patch smaller. */
export function importedPlan(
  { network, pipeline }: Pick<ImportedModelCard, 'network' | 'pipeline'>,
  wanted: { readonly batch?: number | undefined; readonly patch?: Triple | undefined },
  fits: (patch: Triple, batch: number) => boolean,
): Pick<TrainingPlan, 'spacing' | 'intensity' | 'channels' | 'patch' | 'batch' | 'slices' | 'pipeline'> {
  const spacing = pipeline.spacing.toReversed() as unknown as Triple;
  const slices = thickSlices(spacing, 'keep');
  const rules = pipeline.channels.map(({ name, normalisation }) => ({ name, intensity: likeRule(normalisation) }));
  return {
    spacing,
    intensity: must(rules[0], 'a channel').intensity,
    channels: rules,
    ...patchWithin(wanted.patch ?? pipeline.patch, wanted.batch ?? 2, patchMultiple(network), fits),
    ...(slices && { slices }),
    pipeline,
  };
}

/** First one patch less a step, then sides that are smaller by what they are multiples of, the longest first. */
function patchWithin(
  wanted: Triple,
  most: number,
  multiple: Triple,
  fits: (patch: Triple, batch: number) => boolean,
): { patch: Triple; batch: number } {
  let batch = most;
  while (batch > 1 && !fits(wanted, batch)) batch--;
  const patch: [number, number, number] = [...wanted];
  while (!fits(patch, batch)) {
    const longest = Math.max(...patch.filter((side, axis) => side > 2 * (multiple[axis] ?? 1)));
    if (!Number.isFinite(longest)) break;
    const axis = patch.indexOf(longest);
    patch[axis] = longest - (multiple[axis] ?? 1);
  }
  return { patch, batch };
}

/** A normalisation of nnU-Net's in the terms of this program's own rules, as far as they have them: for reports, never computed with. */
function likeRule(normalisation: NnunetNormalisation): IntensityRule {
  return normalisation.scheme === 'ct'
    ? { kind: 'window', low: normalisation.low, high: normalisation.high }
    : { kind: 'zscore', lowPercentile: 0, highPercentile: 100 };
}

/** Axes of the case files along which patches may be mirrored: the model's, unless a label tells sides apart, wherever they lie. */
export function importedMirrorAxes({ mirrorAxes }: NnunetPipeline, labelSet: LabelSet): (0 | 1 | 2)[] {
  return mirrorAxesFor(labelSet).length === 0 ? [] : mirrorAxes.map((axis) => (2 - axis) as 0 | 1 | 2);
}

/** A case as an imported network sees it. Throws `invalid-file` as `preprocess`. */
export function importedCase(volumes: readonly (Volume | null)[], labels: LabelVolume, pipeline: NnunetPipeline): SeenCase {
  const images = volumes.map((volume) => orientedFor(must(volume, 'an image that this model needs'), pipeline));
  const prepared = preprocess(images, pipeline);
  return {
    size: prepared.size.toReversed() as unknown as Triple,
    spacing: pipeline.spacing.toReversed() as unknown as Triple,
    images: prepared.channels,
    values: preprocessLabels(labels, prepared, pipeline),
  };
}
