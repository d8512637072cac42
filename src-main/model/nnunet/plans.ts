import { StudioError } from '#shared/base/errors.ts';
import type { AxisNumbers, NnunetNetwork, NnunetNormalisation, NnunetPipeline, NnunetResampling } from '#shared/domain/importedModel.ts';
import { Fields, fieldsOf } from './fields.ts';
import { readLabels, type NnunetLabels } from './labels.ts';
import type { OrderedJson } from './orderedJson.ts';

/** Bounds far beyond any plan, so that a damaged one does not build a network that fills the memory. */
const MOST_STAGES = 12;
const MOST_FEATURES = 4096;
const MOST_BLOCKS = 64;
const LARGEST_PATCH = 1024;
const MOST_CHANNELS = 16;

export interface NnunetPlans {
  readonly network: NnunetNetwork;
  /** Without mirroring, which the checkpoint knows. */
  readonly pipeline: Omit<NnunetPipeline, 'mirrorAxes'>;
  readonly labels: NnunetLabels;
  readonly dataset: string;
  readonly plans: string;
  readonly licence: string | null;
  readonly reference: string | null;
}

/**
 * One configuration of nnU-Net's plans.json (since 2024 or before) with its dataset.json. Throws `unsupported`, by name, for what is not
 * known here (two dimensions, cascades, other networks), `invalid-file` for what does not fit together.
 */
export function readPlans(plansJson: OrderedJson, datasetJson: OrderedJson, configurationName: string): NnunetPlans {
  const plans = fieldsOf(plansJson, 'plans.json');
  const dataset = fieldsOf(datasetJson, 'dataset.json');
  const configuration = inherited(plans.object('configurations'), configurationName, 0);
  if (configuration.has('previous_stage') && configuration.get('previous_stage') !== null)
    throw unsupported('it is the second stage of a cascade, which needs the first one’s result');
  const patch = configuration.numbers('patch_size', 1, LARGEST_PATCH);
  if (patch.length === 2) throw unsupported('its configuration is two-dimensional; only 3-D ones can be used');
  const labels = readLabels(dataset);
  const channelNames = (dataset.optionalObject('channel_names') ?? dataset.object('modality')).entries();
  if (channelNames.length < 1 || channelNames.length > MOST_CHANNELS) throw invalid('dataset.json has no usable list of channels');
  const { kernels, strides, ...network } = networkOf(configuration, channelNames.length, labels.heads);
  const extents = three(patch, 'patch_size');
  const divisor = strides.reduce<readonly number[]>(
    (product, stride) => product.map((each, axis) => each * (stride[axis] ?? 1)),
    [1, 1, 1],
  );
  if (extents.some((extent, axis) => extent % (divisor[axis] ?? 1) !== 0))
    throw invalid('its patch does not fit the strides of its network');
  return {
    network: { ...network, kernels, strides },
    pipeline: {
      orientation: orientationOf(plans.text('image_reader_writer')),
      transpose: permutation(plans.numbers('transpose_forward', 0, 2), 'transpose_forward'),
      spacing: three(configuration.numbers('spacing', 1e-6, 1e6, false), 'spacing'),
      patch: extents,
      channels: normalisations(plans, configuration, channelNames),
      resampleImage: resampling(configuration, 'data', 3),
      resampleLogits: resampling(configuration, 'probabilities', 1),
      output: labels.output,
    },
    labels,
    dataset: plans.optionalText('dataset_name') ?? '',
    plans: plans.optionalText('plans_name') ?? '',
    licence: dataset.optionalText('licence') ?? dataset.optionalText('license') ?? null,
    reference: dataset.optionalText('reference') ?? null,
  };
}

/** A configuration with what it inherits: its own keys replace its parent's. */
function inherited(configurations: Fields, name: string, depth: number): Fields {
  if (!configurations.has(name)) throw invalid(`plans.json has no configuration "${name}"`);
  const own = configurations.object(name);
  const parent = own.optionalText('inherits_from');
  if (parent === undefined) return own;
  if (depth > 16) throw invalid('its configurations inherit from each other in a circle');
  return inherited(configurations, parent, depth + 1).overlaid(own);
}

type Shape = Omit<NnunetNetwork, 'inChannels' | 'heads'>;

function networkOf(configuration: Fields, inChannels: number, heads: number): NnunetNetwork {
  const architecture = configuration.optionalObject('architecture');
  return { ...(architecture === undefined ? oldShape(configuration) : newShape(architecture)), inChannels, heads };
}

const networks: Readonly<Record<string, NnunetNetwork['kind']>> = {
  PlainConvUNet: 'plainConvUNet',
  ResidualEncoderUNet: 'residualEncoderUNet',
};

function kindOf(path: string): NnunetNetwork['kind'] {
  const name = lastPart(path);
  const kind = Object.hasOwn(networks, name) ? networks[name] : undefined;
  if (kind === undefined) throw unsupported(`its network is a ${name}; only PlainConvUNet and ResidualEncoderUNet can be used`);
  return kind;
}

function newShape(architecture: Fields): Shape {
  const kind = kindOf(architecture.text('network_class_name'));
  const given = architecture.object('arch_kwargs');
  const stages = given.integer('n_stages', 2, MOST_STAGES);
  require(given, 'conv_op', 'Conv3d');
  require(given, 'norm_op', 'InstanceNorm3d');
  const activation = lastPart(given.text('nonlin'));
  if (activation !== 'LeakyReLU' && activation !== 'ReLU') throw unsupported(`its activation is ${activation}`);
  const slope = given.optionalObject('nonlin_kwargs')?.optionalNumber('negative_slope');
  if (activation === 'LeakyReLU' && slope !== undefined && slope !== 0.01) throw unsupported(`its LeakyReLU has a slope of ${slope}`);
  for (const name of ['nonlin_first', 'bottleneck_channels', 'squeeze_excitation', 'block', 'stochastic_depth_p'])
    if (given.truthy(name) && !(name === 'block' && lastPart(given.text(name)) === 'BasicBlockD')) throw unsupported(`it sets ${name}`);
  const norm = given.optionalObject('norm_op_kwargs');
  if (norm?.has('affine') !== true || norm.get('affine') !== true) throw unsupported('its norms have no weights');
  if (norm.truthy('track_running_stats')) throw unsupported('its norms track statistics');
  const features = given.perStage('features_per_stage', stages, 1, MOST_FEATURES);
  return {
    kind,
    features,
    kernels: given.axesPerStage('kernel_sizes', stages, 1, 15).map(odd),
    strides: given.axesPerStage('strides', stages, 1, 8),
    encoderBlocks: given.perStage(kind === 'plainConvUNet' ? 'n_conv_per_stage' : 'n_blocks_per_stage', stages, 1, MOST_BLOCKS),
    decoderConvolutions: given.perStage('n_conv_per_stage_decoder', stages - 1, 1, MOST_BLOCKS),
    stemFeatures:
      given.has('stem_channels') && given.get('stem_channels') !== null
        ? given.integer('stem_channels', 1, MOST_FEATURES)
        : (features[0] as number),
    convolutionBias: given.truthy('conv_bias'),
    normEpsilon: norm.optionalNumber('eps') ?? 1e-5,
    activation: activation === 'ReLU' ? 'relu' : 'leakyRelu',
  };
}

/** As plans were written until February 2024. */
function oldShape(configuration: Fields): Shape {
  const kind = kindOf(configuration.text('UNet_class_name'));
  const strides = configuration.axesList('pool_op_kernel_sizes', 1, 8);
  const stages = strides.length;
  if (stages < 2 || stages > MOST_STAGES) throw invalid('its network has no usable number of stages');
  const base = configuration.integer('UNet_base_num_features', 1, MOST_FEATURES);
  const most = configuration.integer('unet_max_num_features', 1, MOST_FEATURES);
  const features = strides.map((_stride, stage) => Math.min(base * 2 ** stage, most));
  return {
    kind,
    features,
    strides,
    kernels: configuration.axesPerStage('conv_kernel_sizes', stages, 1, 15).map(odd),
    encoderBlocks: configuration.perStage('n_conv_per_stage_encoder', stages, 1, MOST_BLOCKS),
    decoderConvolutions: configuration.perStage('n_conv_per_stage_decoder', stages - 1, 1, MOST_BLOCKS),
    stemFeatures: features[0] as number,
    convolutionBias: true,
    normEpsilon: 1e-5,
    activation: 'leakyRelu',
  };
}

function odd(kernel: AxisNumbers): AxisNumbers {
  if (kernel.some((extent) => extent % 2 === 0)) throw unsupported('a kernel of its network is even');
  return kernel;
}

function require(fields: Fields, name: string, wanted: string): void {
  const found = lastPart(fields.text(name));
  if (found !== wanted) throw unsupported(`its network is built with ${found}, not ${wanted}`);
}

function normalisations(
  plans: Fields,
  configuration: Fields,
  channels: readonly (readonly [string, OrderedJson])[],
): NnunetPipeline['channels'] {
  const schemes = configuration.list('normalization_schemes');
  const masks = configuration.list('use_mask_for_norm');
  const statistics =
    plans.optionalObject('foreground_intensity_properties_per_channel') ??
    plans.optionalObject('foreground_intensity_properties_by_modality');
  if (schemes.length !== channels.length || masks.length !== channels.length)
    throw invalid('plans.json and dataset.json differ in their number of channels');
  return channels.map(([key, name], channel) => ({
    name: typeof name === 'string' ? name : key,
    normalisation: normalisation(String(schemes[channel]), masks[channel] === true, () => statistics?.object(String(channel))),
  }));
}

function normalisation(scheme: string, masked: boolean, statistics: () => Fields | undefined): NnunetNormalisation {
  switch (scheme) {
    case 'ZScoreNormalization':
      return { scheme: 'zscore', masked };
    case 'CTNormalization': {
      const found = statistics();
      if (found === undefined) throw invalid('plans.json has no intensities for its CT normalisation');
      const [low, high, mean, deviation] = ['percentile_00_5', 'percentile_99_5', 'mean', 'std'].map((name) =>
        found.number(name, -1e30, 1e30),
      ) as [number, number, number, number];
      return { scheme: 'ct', low, high, mean, deviation };
    }
    case 'NoNormalization':
      return { scheme: 'none' };
    case 'RescaleTo01Normalization':
      return { scheme: 'rescaleTo01' };
    case 'RGBTo01Normalization':
      return { scheme: 'rgbTo01' };
    default:
      throw unsupported(`its normalisation is ${scheme}`);
  }
}

function resampling(configuration: Fields, what: 'data' | 'probabilities', order: 1 | 3): NnunetResampling {
  const name = configuration.optionalText(`resampling_fn_${what}`) ?? 'resample_data_or_seg_to_shape';
  if (name !== 'resample_data_or_seg_to_shape') throw unsupported(`it resamples by ${name}`);
  const given = configuration.optionalObject(`resampling_fn_${what}_kwargs`);
  const orderGiven = given?.optionalNumber('order') ?? order;
  const orderZ = given?.optionalNumber('order_z') ?? 0;
  const separate = given?.has('force_separate_z') === true ? given.get('force_separate_z') : null;
  if ((orderGiven !== 1 && orderGiven !== 3) || (orderZ !== 0 && orderZ !== 1))
    throw unsupported(`it resamples by splines of order ${orderGiven} and ${orderZ}`);
  return { order: orderGiven, orderZ, separateZ: typeof separate === 'boolean' ? separate : null };
}

const stored = ['SimpleITKIO', 'NibabelIO'];

function orientationOf(reader: string): NnunetPipeline['orientation'] {
  const name = lastPart(reader);
  if (stored.includes(name)) return 'stored';
  if (name === 'NibabelIOWithReorient' || name === 'SimpleITKIOWithReorient') return 'canonical';
  throw unsupported(`its images are read by ${name}, which is not for 3-D scans`);
}

function permutation(numbers: readonly number[], name: string): AxisNumbers {
  if (numbers.toSorted().join() !== '0,1,2') throw invalid(`"${name}" in plans.json is no permutation`);
  return three(numbers, name);
}

function three(numbers: readonly number[], name: string): AxisNumbers {
  const [a, b, c] = numbers;
  if (numbers.length !== 3 || a === undefined || b === undefined || c === undefined)
    throw invalid(`"${name}" in plans.json has not three numbers`);
  return [a, b, c];
}

function lastPart(path: string): string {
  return path.split('.').at(-1) ?? path;
}

function unsupported(why: string): StudioError {
  return new StudioError('unsupported', `This nnU-Net model cannot be used here: ${why}.`);
}

function invalid(why: string): StudioError {
  return new StudioError('invalid-file', `This nnU-Net model is damaged: ${why}.`);
}
