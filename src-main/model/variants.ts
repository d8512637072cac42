import { StudioError } from '#shared/base/errors.ts';
import { variantNames, type ArchitectureConfig, type BlockName, type VariantName } from '#shared/domain/modelCard.ts';

/** Channels F that every backbone puts out. It stays 14 whatever the label set, so that weights carry over (LOGONET.md). */
const FEATURES = 14;

type Shape = Pick<ArchitectureConfig, 'network' | 'dims' | 'depths' | 'mlpRatios' | 'topWidth'>;

const shapes = {
  /** The paper's LoGoNet, Table 12. */
  normal: { network: 'logonet', dims: [64, 128, 256, 512], depths: [3, 4, 6, 3], mlpRatios: [8, 8, 4, 4] },
  large: { network: 'logonet', dims: [96, 192, 384, 768], depths: [3, 3, 24, 3], mlpRatios: [8, 8, 4, 4] },
  /** The global branch with its head, without local networks. */
  ulkanet: { network: 'ulkanet', dims: [64, 128, 256, 512], depths: [3, 4, 6, 3], mlpRatios: [8, 8, 4, 4] },
  /** Three stages, for small machines. */
  small: { network: 'logonet', dims: [16, 32, 64], depths: [2, 2, 2], mlpRatios: [4, 4, 4] },
  /** As wide as `medium` from a quarter of the resolution down, where width costs little: what small structures need (docs/explanation/training.md). */
  wide: { network: 'logonet', dims: [32, 64, 128], depths: [2, 2, 2], mlpRatios: [4, 4, 4], topWidth: 16 },
  medium: { network: 'logonet', dims: [32, 64, 128], depths: [2, 2, 3], mlpRatios: [4, 4, 4] },
  tiny: { network: 'logonet', dims: [8, 16, 24], depths: [1, 1, 1], mlpRatios: [2, 2, 2] },
  /** A plain 3D U-Net of the same engine, for comparison. */
  unet: { network: 'unet', dims: [16, 32, 64, 128], depths: [1, 1, 1, 1], mlpRatios: [1, 1, 1, 1] },
} as const satisfies Record<VariantName, Shape>;

export function isVariantName(name: string): name is VariantName {
  return Object.hasOwn(shapes, name);
}

/**
 * The architecture of a named variant for a number of output classes, background included, and of channels. Throws `usage` for an unknown name, and
 * for a block of a network that has none.
 */
export function variant(name: string, classes: number, inChannels = 1, block: BlockName = 'literal'): ArchitectureConfig {
  if (!isVariantName(name))
    throw new StudioError('usage', `There is no model variant "${name}"; choose one of ${variantNames.join(', ')}.`);
  if (block !== 'literal' && shapes[name].network === 'unet') throw new StudioError('usage', 'A U-Net has no blocks to choose.');
  return { ...shapes[name], ...(block !== 'literal' && { block }), inChannels, features: FEATURES, classes, localStages: 2, split: 2 };
}

/** Every side of an input must be a multiple of this, so that the global and the local pieces divide evenly. */
export function sideMultiple({ network, dims }: ArchitectureConfig): number {
  return network === 'unet' ? 2 ** (dims.length - 1) : 2 ** (dims.length + 1);
}
