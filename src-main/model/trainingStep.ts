import { must } from '#shared/base/assert.ts';
import { backwardOfSum } from '#main/engine/autodiff/backward.ts';
import type { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Graph, Value } from '#main/engine/graph/graph.ts';
import { f32, i32 } from '#main/engine/tensor/tensorType.ts';
import type { Model } from './build.ts';

export interface SegmentationLoss {
  readonly kind: 'diceCrossEntropy';
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
  /** Of the cross entropy, per class; with them Dice is taken over the batch. Absent: Eq. 6–8 as they are. */
  readonly classWeights?: readonly number[];
  /** The class that each lies inside of, 0 where none: Dice is then of regions, a class and all inside it. Absent: of each class alone. */
  readonly inside?: readonly number[];
  /** Whether there are voxels that nobody marked, from which no gradient comes. */
  readonly ignoring?: boolean;
  /** Whether the heads are regions, which may overlap: the mean over them of the loss of each against what is outside of it. */
  readonly regions?: boolean;
}

export type LossConfig =
  | SegmentationLoss
  | { readonly kind: 'pseudoLabel'; readonly temperature: number }
  /**
   * The model's second input is learned from what a teacher is sure of: by cross entropy alone, because Dice rewards a class that grows a
   * little from round to round.
   */
  | { readonly kind: 'consistency'; readonly segmentation: SegmentationLoss };

export interface OptimiserConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** Section 4.2: AdamW with β 0.9/0.999 and weight decay 1e-5. */
export const paperOptimiser: OptimiserConfig = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5 };
/** Eq. 6–8 with both weights 1. */
export const paperLoss: LossConfig = { kind: 'diceCrossEntropy', diceWeight: 1, crossEntropyWeight: 1 };
const DICE_EPSILON = 1e-5;

/** What goes into a step besides x, as inputs of the graph. */
export interface LossTargets {
  /** Segmentation, consistency: i32 (B,D,H,W). Not of regions. */
  readonly label?: Value;
  /** Of regions: i32 (B,D,H,W) for each, 1 inside. */
  readonly regions?: readonly Value[];
  /** Of regions: f32 (B,1,D,H,W), the logit of what is outside: SETTLED at ignored voxels, whose labels are 0; 0 elsewhere. */
  readonly outside?: Value;
  /** With a loss that is `ignoring`: f32 (B,classes,D,H,W), SETTLED at the background of ignored voxels, whose label is 0; 0 elsewhere. */
  readonly ignored?: Value;
  /** Pre-training: i32 (B,Z,N). */
  readonly pseudo?: Value;
  /** Pre-training: i32 (B,Z). */
  readonly masked?: Value;
  /** Consistency: the model's second input, f32 (U,C,D,H,W), which the teacher saw another way. */
  readonly scans?: Value;
  /** Consistency: the teacher's classes, i32 (U,D,H,W); 0 where it is not sure. */
  readonly taught?: Value;
  /** Consistency: f32 (U,classes,D,H,W), SETTLED at the background of voxels where the teacher is not sure, 0 elsewhere. */
  readonly unsure?: Value;
  /** Consistency: f32 [1], what the teacher's word counts beside the masks. */
  readonly taughtWeight?: Value;
}

export interface TrainingGraph {
  readonly graph: Graph;
  readonly x: Value;
  readonly targets: LossTargets;
  /** f32 [4], written before every run: learning rate, 1−β1^t, 1−β2^t, maximum gradient norm (0: no clipping). Absent without optimiser. */
  readonly hyper?: Value;
  /** f32 [1], written before every run: the loss scale. `norm` and exposed gradients are multiplied by it. Present where asked for. */
  readonly lossScale?: Value;
  /** Scalars of shape [1]: `loss`; `dice`, `crossEntropy` with segmentation; `taught` (with its factor) with consistency; `norm` (gradient norm before clipping) with optimiser. */
  readonly scalars: ReadonlyMap<string, Value>;
  /** First and second moment states, per parameter. */
  readonly moments: ReadonlyMap<Value, { readonly m: Value; readonly v: Value }>;
  /** Gradients as graph outputs, per parameter, where asked for. */
  readonly gradients: ReadonlyMap<Value, Value>;
}

export interface TrainingStepOptions {
  readonly loss: LossConfig;
  /** Absent: loss and gradients only. */
  readonly optimiser?: OptimiserConfig;
  /** The loss is scaled before it is differentiated, for devices that store gradients as float16. */
  readonly scaled?: boolean;
  /** Makes every gradient readable after a run (they then live until its end). */
  readonly exposeGradients?: boolean;
}

/** The whole step as one graph: forward, loss, backward, gradient norm, AdamW, BatchNorm statistics. `model` must be in train mode. */
export function trainingStep(
  model: Model,
  { loss: config, optimiser, scaled = false, exposeGradients = false }: TrainingStepOptions,
): TrainingGraph {
  const { builder, logits, parameters } = model;
  const scalars = new Map<string, Value>();
  const { targets, terms } = addLoss(model, config, scalars);
  const values = parameters.map(({ value }) => value);
  const lossScale = scaled ? builder.input('lossScale', f32(1)) : undefined;
  const scaledBy = (weight: Value | undefined): Value | undefined =>
    weight && lossScale ? builder.apply('multiply', {}, [weight, lossScale], 'loss') : (weight ?? lossScale);
  const gradients = backwardOfSum(builder, new Map([...terms].map(([term, weight]) => [term, scaledBy(weight)])), values);
  const moments = new Map<Value, { m: Value; v: Value }>();
  let hyper: Value | undefined;
  if (optimiser !== undefined) {
    hyper = builder.input('hyper', f32(4));
    const ordered = values.map((value) => must(gradients.get(value), value.name));
    const norm = builder.apply('gradientNorm', {}, ordered, 'optimiser');
    scalars.set('norm', norm);
    for (const value of values) {
      const m = builder.state(`m/${value.name}`, value.type);
      const v = builder.state(`v/${value.name}`, value.type);
      const updated = builder.node(
        'adamW',
        optimiser,
        [value, must(gradients.get(value), value.name), m, v, norm, hyper, ...(lossScale ? [lossScale] : [])],
        'optimiser',
      );
      [value, m, v].forEach((persistent, index) => builder.update(persistent, must(updated[index], 'adamW output')));
      moments.set(value, { m, v });
    }
  }
  scalars.forEach((value, name) => builder.output(name, value));
  if (exposeGradients) {
    gradients.forEach((gradient, value) => builder.output(`g/${value.name}`, gradient));
    builder.output('logits', logits);
  }
  return {
    graph: builder.build(),
    x: model.x,
    targets,
    scalars,
    moments,
    gradients: exposeGradients ? gradients : new Map(),
    ...(hyper && { hyper }),
    ...(lossScale && { lossScale }),
  };
}

interface Loss {
  readonly targets: LossTargets;
  /** What it is the sum of, each with its factor (1 unless given). */
  readonly terms: ReadonlyMap<Value, Value | undefined>;
}

function addLoss(model: Model, config: LossConfig, scalars: Map<string, Value>): Loss {
  const { builder, logits } = model;
  if (config.kind === 'pseudoLabel') {
    const [b = 1, z = 1, n = 1] = logits.type.shape;
    const pseudo = builder.input('pseudo', i32(b, z, n));
    const masked = builder.input('masked', i32(b, z));
    const loss = builder.apply('pseudoLabelLoss', { temperature: config.temperature }, [logits, pseudo, masked], 'loss');
    scalars.set('loss', loss);
    return { targets: { pseudo, masked }, terms: new Map([[loss, undefined]]) };
  }
  if (config.kind === 'consistency') return addConsistencyLoss(model, config, scalars);
  if (config.regions === true) return addRegionLoss(model, config, scalars);
  const { targets, outputs } = maskLoss(model, config);
  const [loss, dice, crossEntropy] = outputs;
  scalars.set('loss', loss).set('dice', dice).set('crossEntropy', crossEntropy);
  return { targets, terms: new Map([[loss, undefined]]) };
}

/** A sigmoid is a softmax beside 0: of each region cross entropy (binary) and Dice of what is inside and outside, over the batch. */
function addRegionLoss({ builder, apart = [], options }: Model, config: SegmentationLoss, scalars: Map<string, Value>): Loss {
  const { batch, size } = options;
  const count = apart.length;
  const outside = builder.input('outside', f32(batch, 1, ...size));
  const each: SegmentationLoss = {
    kind: config.kind,
    diceWeight: config.diceWeight / count,
    crossEntropyWeight: config.crossEntropyWeight / count,
    classWeights: [1, 1],
  };
  const regions: Value[] = [];
  const losses = apart.map((logits, region) => {
    const label = builder.input(`region${region}`, i32(batch, ...size));
    regions.push(label);
    return segmentationLoss(builder, each, builder.apply('concatChannels', {}, [outside, logits], 'loss'), label)[0];
  });
  scalars.set(
    'loss',
    losses.reduce((sum, loss) => builder.apply('add', {}, [sum, loss], 'loss')),
  );
  return { targets: { regions, outside }, terms: new Map(losses.map((loss) => [loss, undefined])) };
}

/** The loss against masks: loss, Dice and cross entropy. */
function maskLoss(
  { builder, logits, options }: Model,
  config: SegmentationLoss,
): { readonly targets: Pick<LossTargets, 'label' | 'ignored'>; readonly outputs: [Value, Value, Value] } {
  const label = builder.input('label', i32(options.batch, ...options.size));
  if (config.ignoring !== true) return { targets: { label }, outputs: segmentationLoss(builder, config, logits, label) };
  const ignored = builder.input('ignored', logits.type);
  const settled = builder.apply('add', {}, [logits, ignored], 'loss');
  return { targets: { label, ignored }, outputs: segmentationLoss(builder, config, settled, label) };
}

function segmentationLoss(builder: GraphBuilder, config: SegmentationLoss, logits: Value, label: Value): [Value, Value, Value] {
  const { diceWeight, crossEntropyWeight, classWeights, inside = [] } = config;
  const weighing = { overBatch: classWeights !== undefined, classWeights: classWeights ?? [] };
  const attributes = { diceWeight, crossEntropyWeight, epsilon: DICE_EPSILON, ...weighing, inside };
  return builder.node('diceCrossEntropy', attributes, [logits, label], 'loss') as [Value, Value, Value];
}

/**
 * Added to the background's logit of a voxel that does not count, whose target is 0: its probabilities are then 1 and 0 whatever the network says,
 * so that no gradient comes from it. Fits float16.
 */
export const SETTLED = 1e4;

/** The loss against masks, and taughtWeight · the loss of the second input against the teacher. */
function addConsistencyLoss(
  model: Model,
  { segmentation }: Extract<LossConfig, { kind: 'consistency' }>,
  scalars: Map<string, Value>,
): Loss {
  const { builder, options } = model;
  const { x, logits: student } = must(model.scans, 'second input');
  const taught = builder.input('taught', i32(options.scans ?? 0, ...options.size));
  const unsure = builder.input('unsure', student.type);
  const taughtWeight = builder.input('taughtWeight', f32(1));
  const { targets, outputs } = maskLoss(model, segmentation);
  const [labelled, dice, crossEntropy] = outputs;
  const settled = builder.apply('add', {}, [student, unsure], 'loss');
  const [consistency] = segmentationLoss(builder, { ...segmentation, diceWeight: 0, inside: [] }, settled, taught);
  const weighted = builder.apply('multiply', {}, [consistency, taughtWeight], 'loss');
  scalars.set('loss', builder.apply('add', {}, [labelled, weighted], 'loss'));
  scalars.set('dice', dice).set('crossEntropy', crossEntropy);
  scalars.set('taught', weighted); // an output, so that it is float32, also where activations are stored narrower
  const terms = new Map<Value, Value | undefined>([
    [labelled, undefined],
    [consistency, taughtWeight],
  ]);
  return { targets: { ...targets, scans: x, taught, unsure, taughtWeight }, terms };
}
