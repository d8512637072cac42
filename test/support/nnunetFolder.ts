import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { NnunetNetwork } from '#shared/domain/importedModel.ts';
import { Random } from '#shared/base/random.ts';
import { buildNnunet, type NnunetModel } from '#main/model/nnunet/network.ts';
import type { NamedTensor } from '#main/model/safetensors.ts';
import type { Weights } from '#main/model/weights.ts';

/** What the pickle writer can write. */
export type Picklable =
  | null
  | boolean
  | number
  | string
  | Global
  | Tensor
  | Reduced
  | readonly Picklable[]
  | Tuple
  | ReadonlyMap<string, Picklable>
  | { readonly [name: string]: Picklable };
/** A name of Python's. */
export class Global {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
}
export class Tuple {
  readonly items: readonly Picklable[];

  constructor(items: readonly Picklable[]) {
    this.items = items;
  }
}
export class Tensor {
  readonly tensor: NamedTensor;

  constructor(tensor: NamedTensor) {
    this.tensor = tensor;
  }
}
/** What Python makes by a call. */
export class Reduced {
  readonly callable: Global;
  readonly args: readonly Picklable[];

  constructor(callable: Global, args: readonly Picklable[]) {
    this.callable = callable;
    this.args = args;
  }
}

/** A pickle of protocol 2 as torch.save writes it; `storages` collects the tensors' bytes, in the order of their keys. */
export function pickle(value: Picklable, storages: Buffer[] = []): Buffer {
  const pieces: Buffer[] = [Buffer.from([0x80, 2])];
  const byte = (...codes: number[]): void => void pieces.push(Buffer.from(codes));
  const sized = (code: number, body: Buffer): void => {
    const head = Buffer.alloc(5);
    head[0] = code;
    head.writeUInt32LE(body.length, 1);
    pieces.push(head, body);
  };
  const global = ({ module, name }: Global): void => void pieces.push(Buffer.from(`c${module}\n${name}\n`));
  const write = (item: Picklable): void => {
    if (item === null) return byte(0x4e);
    if (typeof item === 'boolean') return byte(item ? 0x88 : 0x89);
    if (typeof item === 'number') {
      if (Number.isInteger(item) && Math.abs(item) < 2 ** 31) {
        const number = Buffer.alloc(5);
        number[0] = 0x4a;
        number.writeInt32LE(item, 1);
        pieces.push(number);
        return;
      }
      const number = Buffer.alloc(9);
      number[0] = 0x47;
      number.writeDoubleBE(item, 1);
      pieces.push(number);
      return;
    }
    if (typeof item === 'string') return sized(0x58, Buffer.from(item));
    if (item instanceof Global) return global(item);
    if (item instanceof Tuple) {
      byte(0x28);
      item.items.forEach(write);
      return byte(0x74);
    }
    if (item instanceof Reduced) {
      global(item.callable);
      write(new Tuple(item.args));
      return byte(0x52);
    }
    if (item instanceof Tensor) {
      const { shape, data } = item.tensor;
      const key = String(storages.length);
      storages.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      const strides = shape.map((_extent, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
      global(new Global('torch._utils', '_rebuild_tensor_v2'));
      byte(0x28);
      write(new Tuple(['storage', new Global('torch', 'FloatStorage'), key, 'cpu', data.length]));
      byte(0x51);
      for (const part of [0, new Tuple(shape), new Tuple(strides), false, new Reduced(new Global('collections', 'OrderedDict'), [])])
        write(part);
      byte(0x74);
      return byte(0x52);
    }
    if (Array.isArray(item)) {
      byte(0x5d, 0x28);
      (item as readonly Picklable[]).forEach(write);
      return byte(0x65);
    }
    byte(0x7d, 0x28);
    for (const [name, each] of item instanceof Map ? item : Object.entries(item)) {
      write(name as string);
      write(each as Picklable);
    }
    byte(0x75);
  };
  write(value);
  byte(0x2e);
  return Buffer.concat(pieces);
}

/** A zip of stored entries whose local headers carry no sizes. */
export function storedZip(entries: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const title = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(0x808, 6);
    local.writeUInt16LE(title.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(0x808, 8);
    central.writeUInt32LE(crc32(bytes), 16);
    central.writeUInt32LE(bytes.length, 20);
    central.writeUInt32LE(bytes.length, 24);
    central.writeUInt16LE(title.length, 28);
    central.writeUInt32LE(at, 42);
    pieces.push(local, title, bytes);
    directory.push(central, title);
    at += 30 + title.length + bytes.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...pieces, list, end]);
}

/** A checkpoint file as torch.save writes it. */
export function torchFile(value: Picklable): Buffer {
  const storages: Buffer[] = [];
  const structure = pickle(value, storages);
  return storedZip([
    ['archive/data.pkl', structure],
    ['archive/byteorder', Buffer.from('little')],
    ...storages.map((bytes, key) => [`archive/data/${key}`, bytes] as const),
    ['archive/version', Buffer.from('3\n')],
  ]);
}

export interface TinyFolder {
  readonly kind: 'plain' | 'residual' | 'regions';
  readonly folds?: number;
  /** Names of the two labels; digits unless given, so that a reader which sorts keys mixes them up. */
  readonly labels?: readonly [string, string];
  /** Millimetres, transposed. */
  readonly spacing?: readonly [number, number, number];
  readonly dataset?: string;
  /** Of the random weights. */
  readonly seed?: number;
}

/** nnU-Net's plans of a tiny network of each kind; regions: two channels, regions, a transposition that is not its own inverse. */
export function tinyPlans({
  kind,
  labels: [firstName, secondName] = ['10', '2'],
  spacing,
  dataset: named = 'Dataset999_Tiny',
}: TinyFolder): {
  readonly plans: Record<string, Picklable>;
  readonly dataset: Map<string, Picklable>;
  readonly network: NnunetNetwork;
} {
  const regions = kind === 'regions';
  const network: NnunetNetwork = {
    kind: kind === 'residual' ? 'residualEncoderUNet' : 'plainConvUNet',
    inChannels: regions ? 2 : 1,
    heads: regions ? 2 : 3,
    features: [4, 6, 8],
    kernels: [kind === 'residual' ? [1, 3, 3] : [3, 3, 3], [3, 3, 3], [3, 3, 3]],
    strides: [
      [1, 1, 1],
      [1, 2, 2],
      [2, 2, 2],
    ],
    encoderBlocks: [1, 2, 1],
    decoderConvolutions: [1, 2],
    stemFeatures: 4,
    convolutionBias: true,
    normEpsilon: 1e-5,
    activation: 'leakyRelu',
  };
  const resampling = (order: number): Picklable => ({ is_seg: false, order, order_z: 0, force_separate_z: null });
  const plans: Record<string, Picklable> = {
    dataset_name: named,
    plans_name: 'nnUNetPlans',
    image_reader_writer: kind === 'plain' ? 'NibabelIOWithReorient' : 'SimpleITKIO',
    transpose_forward: regions ? [2, 0, 1] : [0, 1, 2],
    transpose_backward: regions ? [1, 2, 0] : [0, 1, 2],
    foreground_intensity_properties_per_channel: { '0': { mean: 10, std: 4, percentile_00_5: -5, percentile_99_5: 30 } },
    configurations: {
      parent: {
        patch_size: [4, 8, 8],
        spacing: spacing ?? (kind === 'residual' ? [5, 1, 1] : [2, 1.5, 1]),
        normalization_schemes: regions
          ? ['ZScoreNormalization', 'ZScoreNormalization']
          : [kind === 'residual' ? 'CTNormalization' : 'ZScoreNormalization'],
        use_mask_for_norm: regions ? [true, true] : [false],
        resampling_fn_data: 'resample_data_or_seg_to_shape',
        resampling_fn_data_kwargs: resampling(3),
        resampling_fn_probabilities: 'resample_data_or_seg_to_shape',
        resampling_fn_probabilities_kwargs: resampling(1),
        architecture: {
          network_class_name: `somewhere.${kind === 'residual' ? 'ResidualEncoderUNet' : 'PlainConvUNet'}`,
          arch_kwargs: {
            n_stages: 3,
            features_per_stage: network.features,
            conv_op: 'torch.nn.modules.conv.Conv3d',
            kernel_sizes: network.kernels,
            strides: network.strides,
            [kind === 'residual' ? 'n_blocks_per_stage' : 'n_conv_per_stage']: network.encoderBlocks,
            n_conv_per_stage_decoder: network.decoderConvolutions,
            conv_bias: true,
            norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d',
            norm_op_kwargs: { eps: 1e-5, affine: true },
            dropout_op: null,
            nonlin: 'torch.nn.LeakyReLU',
            nonlin_kwargs: { inplace: true },
          },
        },
      },
      '3d_fullres': { inherits_from: 'parent', batch_size: 2 },
    },
  };
  const labels = new Map<string, Picklable>(
    regions
      ? [
          ['background', 0],
          [firstName, [1, 2]],
          [secondName, 2],
        ]
      : [
          ['background', 0],
          [firstName, 1],
          [secondName, 2],
        ],
  );
  const dataset = new Map<string, Picklable>([
    [
      'channel_names',
      regions
        ? new Map([
            ['0', 'T1'],
            ['1', 'FLAIR'],
          ])
        : new Map([['0', 'CT']]),
    ],
    ['labels', labels],
    ...(regions ? [['regions_class_order', [1, 2]] as const] : []),
    ['licence', 'CC0'],
  ]);
  return { plans, dataset, network };
}

/** JSON that keeps the order of a Map's keys. */
export function jsonOf(value: Picklable): string {
  if (value instanceof Map)
    return `{${[...(value as ReadonlyMap<string, Picklable>)].map(([name, each]) => `${JSON.stringify(name)}: ${jsonOf(each)}`).join(', ')}}`;
  if (Array.isArray(value)) return `[${(value as readonly Picklable[]).map(jsonOf).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return jsonOf(new Map(Object.entries(value)));
  return JSON.stringify(value);
}

/** Random weights of a network, each norm off its neutral values, and the unused head that nnU-Net's files have. */
export function tinyWeights(model: NnunetModel, seed: number): Map<string, NamedTensor> {
  const random = new Random(seed);
  return new Map(
    model.parameters.map(({ value, names: [name = ''], init }): [string, NamedTensor] => {
      const shape = value.type.shape.slice(1);
      const data = Float32Array.from({ length: shape.reduce((product, extent) => product * extent, 1) }, () =>
        init.kind === 'constant' ? init.value + random.uniform(-0.3, 0.3) : 2 * random.uniform(-init.bound, init.bound),
      );
      return [name, { shape, data }];
    }),
  );
}

export function checkpointOf(weights: Weights, plans: Picklable, dataset: Picklable): Picklable {
  const state = new Map<string, Picklable>();
  for (const [name, tensor] of weights) state.set(name, new Tensor(tensor));
  state.set('decoder.seg_layers.0.weight', new Tensor({ shape: [3, 6, 1, 1, 1], data: new Float32Array(18) }));
  state.set('decoder.seg_layers.0.bias', new Tensor({ shape: [3], data: new Float32Array(3) }));
  for (const [name, tensor] of [...weights].slice(0, 2)) state.set(`decoder.${name}`, new Tensor(tensor));
  const scalar = new Reduced(new Global('numpy._core.multiarray', 'scalar'), [
    new Reduced(new Global('numpy', 'dtype'), ['f8', false, true]),
    new Reduced(new Global('_codecs', 'encode'), ['\u0000\u0000\u0000\u0000\u0000\u0000\u00e0?', 'latin1']),
  ]);
  return new Map<string, Picklable>([
    ['network_weights', state],
    ['_best_ema', scalar],
    [
      'init_args',
      {
        plans,
        configuration: '3d_fullres',
        fold: 0,
        dataset_json: dataset,
        device: new Reduced(new Global('torch', 'device'), ['cuda', 0]),
      },
    ],
    ['trainer_name', 'nnUNetTrainer'],
    ['inference_allowed_mirroring_axes', new Tuple([0, 2])],
  ]);
}

/** Writes an nnU-Net result folder of a tiny random network; returns the weights by fold. */
export async function writeTinyFolder(
  folder: string,
  tiny: TinyFolder,
): Promise<{ readonly network: NnunetNetwork; readonly weights: readonly Weights[] }> {
  const { plans, dataset, network } = tinyPlans(tiny);
  const model = buildNnunet(network, { batch: 1, size: [4, 8, 8] });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'plans.json'), jsonOf(plans));
  await writeFile(join(folder, 'dataset.json'), jsonOf(dataset));
  const weights: Weights[] = [];
  for (let fold = 0; fold < (tiny.folds ?? 1); fold++) {
    const own = tinyWeights(model, (tiny.seed ?? 11) + fold);
    await mkdir(join(folder, `fold_${fold}`), { recursive: true });
    await writeFile(join(folder, `fold_${fold}`, 'checkpoint_final.pth'), torchFile(checkpointOf(own, plans, dataset)));
    weights.push(own);
  }
  return { network, weights };
}
