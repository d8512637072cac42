import { must } from '#shared/base/assert.ts';
import { backward } from '#main/engine/autodiff/backward.ts';
import type { Graph, Value } from '#main/engine/graph/graph.ts';
import { f32, i32 } from '#main/engine/tensor/tensorType.ts';
import type { Model } from './build.ts';

export type LossConfig =
  | { readonly kind: 'diceCrossEntropy'; readonly diceWeight: number; readonly crossEntropyWeight: number }
  | { readonly kind: 'pseudoLabel'; readonly temperature: number };

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

export interface TrainingGraph {
  readonly graph: Graph;
  readonly x: Value;
  /** Segmentation: `label` i32 (B,D,H,W). Pre-training: `pseudo` i32 (B,Z,N) and `masked` i32 (B,Z). */
  readonly targets: { readonly label?: Value; readonly pseudo?: Value; readonly masked?: Value };
  /** f32 [4], written before every run: learning rate, 1−β1^t, 1−β2^t, maximum gradient norm (0: no clipping). Absent without optimiser. */
  readonly hyper?: Value;
  /** f32 [1], written before every run: the loss scale. `norm` and exposed gradients are multiplied by it. Present where asked for. */
  readonly lossScale?: Value;
  /** Scalars of shape [1]: `loss`; `dice`, `crossEntropy` with segmentation; `norm` (gradient norm before clipping) with optimiser. */
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
export function trainingStep(model: Model, { loss: config, optimiser, scaled = false, exposeGradients = false }: TrainingStepOptions): TrainingGraph {
  const { builder, logits, parameters } = model;
  const scalars = new Map<string, Value>();
  const { targets, loss } = addLoss(model, config, scalars);
  const values = parameters.map(({ value }) => value);
  const lossScale = scaled ? builder.input('lossScale', f32(1)) : undefined;
  const gradients = backward(builder, loss, values, lossScale);
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
      const updated = builder.node('adamW', optimiser, [value, must(gradients.get(value), value.name), m, v, norm, hyper, ...(lossScale ? [lossScale] : [])], 'optimiser');
      [value, m, v].forEach((persistent, index) => builder.update(persistent, must(updated[index], 'adamW output')));
      moments.set(value, { m, v });
    }
  }
  scalars.forEach((value, name) => builder.output(name, value));
  if (exposeGradients) {
    gradients.forEach((gradient, value) => builder.output(`g/${value.name}`, gradient));
    builder.output('logits', logits);
  }
  return { graph: builder.build(), x: model.x, targets, scalars, moments, gradients: exposeGradients ? gradients : new Map(), ...(hyper && { hyper }), ...(lossScale && { lossScale }) };
}

function addLoss(model: Model, config: LossConfig, scalars: Map<string, Value>): { readonly targets: TrainingGraph['targets']; readonly loss: Value } {
  const { builder, logits } = model;
  if (config.kind === 'pseudoLabel') {
    const [b = 1, z = 1, n = 1] = logits.type.shape;
    const pseudo = builder.input('pseudo', i32(b, z, n));
    const masked = builder.input('masked', i32(b, z));
    const loss = builder.apply('pseudoLabelLoss', { temperature: config.temperature }, [logits, pseudo, masked], 'loss');
    scalars.set('loss', loss);
    return { targets: { pseudo, masked }, loss };
  }
  const label = builder.input('label', i32(model.options.batch, ...model.options.size));
  const attributes = { diceWeight: config.diceWeight, crossEntropyWeight: config.crossEntropyWeight, epsilon: DICE_EPSILON };
  const [loss, dice, crossEntropy] = builder.node('diceCrossEntropy', attributes, [logits, label], 'loss') as [Value, Value, Value];
  scalars.set('loss', loss).set('dice', dice).set('crossEntropy', crossEntropy);
  return { targets: { label }, loss };
}
