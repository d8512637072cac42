import { StudioError } from '#shared/base/errors.ts';
import type { ArchitectureConfig, BlockName } from '#shared/domain/modelCard.ts';
import type { Executor, Session } from '#main/engine/executors/executor.ts';
import { makePlan } from '#main/engine/plan/makePlan.ts';
import { buildModel, type HeadConfig, type Model } from './build.ts';
import { instanceLength } from './modelBuilder.ts';
import type { NamedTensor, SafetensorsFile } from './safetensors.ts';
import { paperLoss, trainingStep, type TrainingGraph } from './trainingStep.ts';
import { loadWeights } from './weights.ts';

export interface GoldenReport {
  readonly pass: boolean;
  readonly maxLogitError: number;
  /** Relative norm of the difference per parameter tensor whose gradient is not negligible; 0 in eval mode. */
  readonly medianGradientError: number;
  readonly worstGradientError: number;
  readonly worstGradientName: string;
  readonly lossError: number;
  /** Largest absolute difference of BatchNorm running statistics after the step; 0 in eval mode. */
  readonly statisticsError: number;
}

/**
 * Agreement that counts as correct: logits absolute, gradients by relative norm, loss relative. Of a network this small one value near 0 that a
 * ReLU passes here and not there changes the gradients of its branch by up to 7% (measured with kernels compiled without optimisation); a wrong
 * kernel changes them by all of it.
 */
export const goldenTolerance = { logit: 2e-4, medianGradient: 2e-4, worstGradient: 0.1, loss: 1e-4, statistics: 1e-4 } as const;

/** Gradients whose norm is below this share of the largest one are rounding noise in both implementations (biases before a norm). */
const NEGLIGIBLE_SHARE = 1e-6;
/** On devices that store gradients as float16: those of a mean over voxels would vanish; those of the pre-training loss, a sum, would overflow. */
const LOSS_SCALE = { seg: 2 ** 12, pretrain: 1 };

interface GoldenConfig {
  readonly size: [number, number, number];
  readonly batch?: number;
  /** Of the input; 1 unless given. */
  readonly channels?: number;
  readonly dims: number[];
  readonly depths: number[];
  readonly mlp: number[];
  readonly features?: number;
  readonly block?: BlockName;
  readonly classes?: number;
  readonly head?: 'seg' | 'pretrain';
  readonly mode?: 'train' | 'eval';
  readonly clusterers?: number;
  readonly clusters?: number;
}

/** Runs the step that a golden file records on an executor and compares everything the file holds. */
export async function verifyGolden(file: SafetensorsFile, executor: Executor): Promise<GoldenReport> {
  const config = goldenConfig(file);
  const training = (config.mode ?? 'train') === 'train';
  const model = buildModel(architectureOf(config), {
    batch: config.batch ?? 1,
    size: config.size,
    mode: training ? 'train' : 'eval',
    head: headOf(config),
  });
  const step = training ? trainingGraph(model, config, executor.narrow !== undefined) : evaluationGraph(model);
  const session = await executor.prepare(makePlan(step.graph, executor));
  try {
    await loadWeights(session, model, stored(file, model));
    await session.write(step.x, golden(file, 'x').data);
    for (const [name, value] of Object.entries(step.targets)) if (value !== undefined) await session.write(value, golden(file, name).data);
    const lossScale = step.lossScale === undefined ? 1 : LOSS_SCALE[config.head ?? 'seg'];
    if (step.lossScale !== undefined) await session.write(step.lossScale, Float32Array.of(lossScale));
    await session.run();
    const maxLogitError = await logitError(session, model, file, headOf(config).kind === 'segmentation' ? 4 : 1);
    if (!training) return report({ maxLogitError, gradients: [], lossError: 0, statisticsError: 0 });
    const loss = step.scalars.get('loss');
    const computed = loss === undefined ? NaN : Number((await session.read(loss))[0]);
    const expected = Number(golden(file, 'loss').data[0]);
    return report({
      maxLogitError,
      gradients: await gradientErrors(session, model, step, file, lossScale),
      lossError: Math.abs(computed - expected) / Math.max(1, Math.abs(expected)),
      statisticsError: await statisticsError(session, model, file),
    });
  } finally {
    session.dispose();
  }
}

function goldenConfig(file: SafetensorsFile): GoldenConfig {
  try {
    return JSON.parse(file.metadata['config'] ?? '') as GoldenConfig;
  } catch {
    throw new StudioError('invalid-file', 'This is not a golden file: its metadata holds no configuration.');
  }
}

function architectureOf({ dims, depths, mlp, channels = 1, features = 14, classes = 14, block }: GoldenConfig): ArchitectureConfig {
  return {
    network: 'logonet',
    dims,
    depths,
    mlpRatios: mlp,
    ...(block && { block }),
    inChannels: channels,
    features,
    classes,
    localStages: 2,
    split: 2,
  };
}

function headOf({ head, clusterers = 1, clusters = 2 }: GoldenConfig): HeadConfig {
  return head === 'pretrain' ? { kind: 'pretrain', clusterers, clusters } : { kind: 'segmentation' };
}

function trainingGraph(model: Model, { head }: GoldenConfig, scaled: boolean): TrainingGraph {
  return trainingStep(model, {
    loss: head === 'pretrain' ? { kind: 'pseudoLabel', temperature: 0.1 } : paperLoss,
    exposeGradients: true,
    scaled,
  });
}

function evaluationGraph(model: Model): TrainingGraph {
  model.builder.output('logits', model.logits);
  return { graph: model.builder.build(), x: model.x, targets: {}, scalars: new Map(), moments: new Map(), gradients: new Map() };
}

function golden(file: SafetensorsFile, name: string): NamedTensor {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new StudioError('invalid-file', `This is not a complete golden file: ${name} is missing.`);
  return tensor;
}

/** The file's parameters (p/) and running statistics (b/) under the model's own names. */
function stored(file: SafetensorsFile, model: Model): Map<string, NamedTensor> {
  const names = (specs: Model['parameters'], prefix: string): [string, NamedTensor][] =>
    specs.flatMap((spec) =>
      (spec.fixed === true ? [] : spec.names).map((name): [string, NamedTensor] => [name, golden(file, prefix + name)]),
    );
  return new Map([...names(model.parameters, 'p/'), ...names(model.states, 'b/')]);
}

async function logitError(session: Session, model: Model, file: SafetensorsFile, step: number): Promise<number> {
  const logits = (await session.read(model.logits)) as Float32Array;
  const expected = golden(file, 'logits/4').data;
  const [n = 1, c = 1, d = 1, h = 1, w = 1] = model.logits.type.shape;
  let worst = 0;
  let at = 0;
  for (let row = 0; row < n * c; row++)
    for (let z = 0; z < d; z += step)
      for (let y = 0; y < h; y += step)
        for (let x = 0; x < w; x += step) {
          const difference = Math.abs(Number(logits[((row * d + z) * h + y) * w + x]) - Number(expected[at++]));
          worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
        }
  return worst;
}

interface NamedError {
  readonly name: string;
  readonly error: number;
}

async function gradientErrors(
  session: Session,
  model: Model,
  step: TrainingGraph,
  file: SafetensorsFile,
  lossScale: number,
): Promise<NamedError[]> {
  const rows: { readonly name: string; readonly norm: number; readonly difference: number }[] = [];
  for (const spec of model.parameters) {
    const gradient = step.gradients.get(spec.value);
    if (gradient === undefined) continue;
    const joined = (await session.read(gradient)) as Float32Array;
    const length = instanceLength(spec);
    spec.names.forEach((name, instance) => {
      const expected = golden(file, `g/${name}`).data;
      let difference = 0;
      let norm = 0;
      for (let index = 0; index < length; index++) {
        const truth = Number(expected[index]);
        difference += (Number(joined[instance * length + index]) / lossScale - truth) ** 2;
        norm += truth ** 2;
      }
      rows.push({ name, norm: Math.sqrt(norm), difference: Math.sqrt(difference) });
    });
  }
  const largest = Math.max(...rows.map(({ norm }) => norm));
  return rows
    .filter(({ norm }) => norm > NEGLIGIBLE_SHARE * largest)
    .map(({ name, norm, difference }) => ({ name, error: difference / norm }));
}

async function statisticsError(session: Session, model: Model, file: SafetensorsFile): Promise<number> {
  let worst = 0;
  for (const spec of model.states.filter(({ fixed }) => fixed !== true)) {
    const joined = (await session.read(spec.value)) as Float32Array;
    const length = instanceLength(spec);
    spec.names.forEach((name, instance) =>
      golden(file, `a/${name}`).data.forEach((truth, index) => {
        worst = Math.max(worst, Math.abs(truth - Number(joined[instance * length + index])));
      }),
    );
  }
  return worst;
}

function report({
  maxLogitError,
  gradients,
  lossError,
  statisticsError: statistics,
}: {
  maxLogitError: number;
  gradients: readonly NamedError[];
  lossError: number;
  statisticsError: number;
}): GoldenReport {
  const sorted = [...gradients].sort((a, b) => a.error - b.error);
  const medianGradientError = sorted[Math.floor(sorted.length / 2)]?.error ?? 0;
  const worst = sorted.at(-1) ?? { name: '', error: 0 };
  const within =
    maxLogitError <= goldenTolerance.logit &&
    medianGradientError <= goldenTolerance.medianGradient &&
    worst.error <= goldenTolerance.worstGradient;
  return {
    pass: within && lossError <= goldenTolerance.loss && statistics <= goldenTolerance.statistics,
    maxLogitError,
    medianGradientError,
    worstGradientError: worst.error,
    worstGradientName: worst.name,
    lossError,
    statisticsError: statistics,
  };
}
