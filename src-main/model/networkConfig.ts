import { StudioError } from '#shared/base/errors.ts';
import type { NnunetNetwork } from '#shared/domain/importedModel.ts';
import type { ArchitectureConfig } from '#shared/domain/modelCard.ts';
import { buildModel, type BuildOptions, type Model } from './build.ts';
import { buildNnunet } from './nnunet/network.ts';

/** A network of nnU-Net's that is trained here. */
export interface ImportedNetwork extends NnunetNetwork {
  /** Of heads that are regions: the classes, from 1, that each holds. Absent: every head is a class, background first. */
  readonly regions?: readonly (readonly number[])[];
}

/** A network that can be trained: of this program, or imported. */
export type NetworkConfig = ArchitectureConfig | ImportedNetwork;

export const isImportedNetwork = (network: NetworkConfig): network is ImportedNetwork => 'kind' in network;

/** Of heads that are regions, what each holds; undefined where every head is a class. */
export const regionsOf = (network: NetworkConfig): ImportedNetwork['regions'] => (isImportedNetwork(network) ? network.regions : undefined);

/** Classes that a voxel can have, background included. */
export function classesOf(network: NetworkConfig): number {
  if (!isImportedNetwork(network)) return network.classes;
  return network.regions === undefined ? network.heads : 1 + Math.max(0, ...network.regions.flat());
}

/** What the intensity outside of an image is: 0, as nnU-Net pads; undefined: the lowest of the image. */
export const paddingOf = (network: NetworkConfig): number | undefined => (isImportedNetwork(network) ? 0 : undefined);

/** Throws `invalid-argument` when a side does not fit the network, `unsupported` for what an imported one cannot have. */
export function buildNetwork(network: NetworkConfig, options: BuildOptions): Model {
  if (!isImportedNetwork(network)) return buildModel(network, options);
  if (options.head?.kind === 'pretrain' || options.scans !== undefined)
    throw new StudioError('unsupported', 'An imported model learns from labelled cases alone, not from scans without masks.');
  const multiple = patchMultiple(network);
  if (options.size.some((side, axis) => side <= 0 || side % (multiple[axis] ?? 1) !== 0))
    throw new StudioError(
      'invalid-argument',
      `The patch ${options.size.join('×')} does not fit this model: its sides must be multiples of ${multiple.join('×')}.`,
    );
  return { ...buildNnunet(network, { ...options, headsApart: network.regions !== undefined }), options };
}

/** What the sides of a patch of an imported network are multiples of. */
export function patchMultiple({ strides }: NnunetNetwork): [number, number, number] {
  const along = (axis: 0 | 1 | 2): number => strides.reduce((product, stride) => product * stride[axis], 1);
  return [along(0), along(1), along(2)];
}
