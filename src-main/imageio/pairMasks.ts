/** Which mask belongs to which image, by their names and folders alone. */
import { imageStem } from './endings.ts';
import { channelBase, roleOf, type FileRole } from './fileRole.ts';

export interface FoundFile {
  readonly path: string;
  /** The chosen folder; files of different ones never belong together. */
  readonly root: string;
  /** Below the chosen folder, whose own name comes first; '/' between. */
  readonly relative: string;
  /** The file itself says that it is a mask, or that it is none. */
  readonly kind?: 'image' | 'mask';
}

/** A mask, or one structure of several. */
export interface MaskPart {
  readonly path: string;
  /** What its name calls the structure, where every structure has a file. */
  readonly structure: string | null;
  /** Paired by the folder alone: only to be taken where it lies on the image's very voxels. */
  readonly byFolder: boolean;
}

export interface ImageGroup {
  /** The files of each image: one for a volume, all of a DICOM series. The first one leads. */
  readonly images: readonly (readonly string[])[];
  /** What the name of each image calls its channel: nnU-Net's number ('0001') or a sequence ('flair'); empty where nothing does. */
  readonly names: readonly string[];
  /** Nothing but their names says that these images belong together: one that lies elsewhere is a case of its own. */
  readonly isLoose: boolean;
  readonly masks: readonly MaskPart[];
}

export interface Pairing {
  readonly groups: readonly ImageGroup[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** Masks whose image names and folders do not tell; their voxels may. */
  readonly lonely: readonly string[];
}

interface Channel {
  readonly name: string;
  readonly paths: readonly string[];
}

interface Image extends Channel {
  readonly root: string;
  readonly role: FileRole;
  readonly folder: string;
  readonly isDicom: boolean;
  readonly further: Channel[];
  isLoose: boolean;
  readonly masks: Mask[];
}

interface Mask extends MaskPart {
  readonly role: FileRole;
}

/** A DICOM series as an image: it has no name of its own, only its folder's. */
export interface FoundSeries {
  readonly paths: readonly string[];
  readonly root: string;
  /** Folder below the chosen one, as in `FoundFile`. */
  readonly relativeFolder: string;
}

/** What a description calls the channels of an image; empty where there is none. */
export type ChannelsFor = (path: string) => readonly string[];

/** Every file and series is in exactly one group, or skipped with its reason. */
export function pairMasks(files: readonly FoundFile[], series: readonly FoundSeries[], channelsFor: ChannelsFor = () => []): Pairing {
  const roles = files.map((file) => ({ file, role: withKind(roleOf(file.relative), file) }));
  const masks = roles.filter(({ role }) => role.kind === 'mask');
  const skipped: { path: string; reason: string }[] = [];
  const lonely: string[] = [];
  const images: Image[] = roles
    .filter(({ role }) => role.kind === 'image')
    .map(({ file, role }) => ({
      name: sequenceOf(file.relative, role),
      paths: [file.path],
      role,
      root: file.root,
      folder: folderOf(file.relative),
      isDicom: false,
      isLoose: false,
      further: [],
      masks: [],
    }));
  images.push(
    ...series.map(({ paths, root, relativeFolder }): Image => {
      const role = roleOf(`${relativeFolder}.nii`);
      return {
        name: '',
        paths,
        role: { ...role, kind: 'image', channel: null },
        root,
        folder: relativeFolder,
        isDicom: true,
        isLoose: false,
        further: [],
        masks: [],
      };
    }),
  );
  const single = joinChannels(images, masks, channelsFor);
  const candidates = byPlace(single);
  for (const { file, role } of masks) {
    const found = imageFor(file, role, candidates, masks);
    if (found === null) lonely.push(file.path);
    else if (typeof found === 'string') skipped.push({ path: file.path, reason: found });
    else found.image.masks.push({ path: file.path, role, structure: found.structure, byFolder: found.byFolder });
  }
  joinSequences(single);
  // A channel with a mask of its own is an image of its own.
  const ownMask = new Set(single.filter((image) => image.masks.length > 0).map(({ paths }) => paths));
  const absorbed = new Set(single.flatMap(({ further }) => further.map(({ paths }) => paths)).filter((paths) => !ownMask.has(paths)));
  const groups = single
    .filter(({ paths }) => !absorbed.has(paths))
    .map((image): ImageGroup => {
      const { taken, others } = chosenMasks(image.masks);
      skipped.push(...others);
      const all = [image, ...image.further.filter(({ paths }) => !ownMask.has(paths))];
      return {
        images: all.map(({ paths }) => paths),
        names: all.map(({ name }) => name),
        isLoose: image.isLoose,
        masks: taken.map(({ path, structure, byFolder }) => ({ path, structure, byFolder })),
      };
    });
  return { groups, skipped, lonely };
}

function withKind(role: FileRole, { kind, relative }: FoundFile): FileRole {
  if (kind === undefined || kind === role.kind) return role;
  return kind === 'mask' ? { ...roleOf(relative), kind, channel: null } : { ...role, kind };
}

interface Places {
  readonly images: readonly Image[];
  readonly byKey: ReadonlyMap<string, readonly Image[]>;
  readonly byHome: ReadonlyMap<string, readonly Image[]>;
}

function byPlace(images: readonly Image[]): Places {
  return {
    images,
    byKey: grouped(images, ({ root, role }) => `${root}\n${role.key}`),
    byHome: grouped(images, ({ root, role }) => `${root}\n${role.home}`),
  };
}

type Found = { readonly image: Image; readonly structure: string | null; readonly byFolder: boolean };

/** The image that a mask belongs to; why it cannot be told; or null where none is called like it. */
function imageFor(
  file: FoundFile,
  role: FileRole,
  { images, byKey, byHome }: Places,
  masks: readonly { readonly file: FoundFile; readonly role: FileRole }[],
): Found | string | null {
  const name = file.path.split(/[\\/]/).at(-1) ?? '';
  const near = (byHome.get(`${file.root}\n${role.home}`) ?? []).filter((image) => fits(image.role.split, role.split));
  const known = role.key === '' ? near.filter((image) => image.role.isGeneric) : near.filter((image) => image.role.key === role.key);
  const [same, ...further] = known;
  // img.nii.gz and labels/final/img.nii.gz; ct.nii.gz and seg.nii.gz
  if (same && further.length === 0) return { image: same, structure: null, byFolder: role.key === '' };
  if (same) {
    // t1.nii.gz, flair.nii.gz and seg.nii.gz in a folder of their own
    if (role.key !== '' || known.some((image) => image.folder !== same.folder || image.masks.length > 0))
      return `${name} could belong to several images: ${known.slice(0, 3).map(shown).join(', ')}.`;
    same.further.push(...further);
    return { image: same, structure: null, byFolder: true };
  }
  if (role.key !== '') {
    // case_flair.nii.gz, case_t1.nii.gz and case_seg.nii.gz
    const [channel, ...others] = near.filter((image) => isModality(image.role.key, role.key) && image.masks.length === 0);
    if (channel) {
      channel.further.push(...others);
      return { image: channel, structure: null, byFolder: false };
    }
    // case.nii.gz and case_liver_mask.nii.gz
    const whole = near.filter(
      (image) => image.role.key !== '' && role.key.startsWith(image.role.key) && /^[._-]/.test(role.key.slice(image.role.key.length)),
    );
    const longest = whole.toSorted((a, b) => b.role.key.length - a.role.key.length)[0];
    if (longest) return { image: longest, structure: role.key.slice(longest.role.key.length + 1), byFolder: false };
    // s0001/ct.nii.gz and s0001/segmentations/liver.nii.gz
    const [alone] = near;
    if (near.length === 1 && alone?.role.isGeneric === true) return { image: alone, structure: structureOf(file), byFolder: true };
    // Trees of images and of masks that are built differently, but no name occurs twice in either.
    const everywhere = byKey.get(`${file.root}\n${role.key}`) ?? [];
    const alike = masks.filter((other) => other.role.key === role.key && other.file.root === file.root);
    if (everywhere.length === 1 && everywhere[0] && alike.length === 1) return { image: everywhere[0], structure: null, byFolder: false };
  }
  // A series in a folder and masks beside it, or a patient's only image
  const inside = images.filter((image) => image.root === file.root && isBelow(image.isDicom ? image.folder : image.role.home, role.home));
  const [only] = inside;
  if (inside.length === 1 && only && (only.isDicom || only.role.isGeneric || role.key === ''))
    return { image: only, structure: role.key === '' ? null : structureOf(file), byFolder: true };
  return null;
}

/** Why a mask is not taken that no image belongs to. */
export function withoutImage(path: string): string {
  const name = path.split(/[\\/]/).at(-1) ?? '';
  return `${name} is a mask, as its name or folder says, and its image is not among these files. Import both together.`;
}

/** Of several masks of one image: all structures; or else the first one, corrected ones before original ones. */
function chosenMasks(masks: readonly Mask[]): { taken: readonly Mask[]; others: { path: string; reason: string }[] } {
  const structures = masks.filter(({ structure }) => structure !== null);
  const whole = masks
    .filter(({ structure }) => structure === null)
    .toSorted((a, b) => a.role.order - b.role.order || (a.path < b.path ? -1 : 1));
  const taken = whole.length > 0 ? whole.slice(0, 1) : structures;
  const [first] = taken;
  const others = masks
    .filter((mask) => !taken.includes(mask))
    .map(({ path }) => ({ path, reason: `Another mask of the same image is taken: ${first?.path ?? ''}.` }));
  return { taken, others };
}

/**
 * nnU-Net's channels of one case as one image: numbered from 0000 without a gap, in one of its folders, with a mask of the base's name, or where a
 * description names several; where a description names them, or there is such a mask, one may be missing. Names that only end in four digits (AMOS) have
 * masks of the same name, no 0000, or a description of one channel.
 */
function joinChannels(
  images: readonly Image[],
  masks: readonly { readonly file: FoundFile; readonly role: FileRole }[],
  channelsFor: ChannelsFor,
): Image[] {
  const maskKeys = new Set(masks.map(({ file, role }) => `${file.root}\n${role.home}\n${role.key}`));
  const groups = grouped(
    images.filter(({ role }) => role.channel !== null),
    ({ root, folder, role }) => `${root}\n${folder}\n${channelBase(role.key)}`,
  );
  const joined = new Map<Image, Image | null>();
  for (const group of groups.values()) {
    const sorted = group.toSorted((a, b) => (a.role.channel ?? 0) - (b.role.channel ?? 0));
    const [first] = sorted;
    if (!first || sorted.some(({ role }) => maskKeys.has(`${first.root}\n${role.home}\n${role.key}`))) continue;
    const base = channelBase(first.role.key);
    const hasMask = maskKeys.has(`${first.root}\n${first.role.home}\n${base}`);
    const described = channelsFor(first.paths[0] ?? '').length;
    const mostChannels = described > 0 ? described : hasMask ? 100 : sorted.length;
    if (sorted.some(({ role }) => (role.channel ?? 0) >= mostChannels)) continue;
    if (!/(^|\/)imagesT[rs]$/i.test(first.folder) && !hasMask && described < 2) continue;
    const channels = sorted.map(({ paths, role }) => ({ paths, name: String(role.channel).padStart(4, '0') }));
    for (const other of sorted) joined.set(other, null);
    joined.set(first, {
      ...first,
      name: channels[0]?.name ?? '',
      role: { ...first.role, key: base, channel: null },
      further: channels.slice(1),
    });
  }
  return images.flatMap((image) => (joined.has(image) ? (joined.get(image) ?? []) : image));
}

/** Sequences of one patient (case_flair, case_t1; t1 and flair in a folder of their own) that no mask has put together. */
function joinSequences(images: readonly Image[]): void {
  const absorbed = new Set(images.flatMap(({ further }) => further.map(({ paths }) => paths)));
  const free = images.filter(
    ({ name, paths, masks, further }) => name !== '' && !/^\d/.test(name) && masks.length + further.length === 0 && !absorbed.has(paths),
  );
  for (const group of grouped(
    free,
    ({ root, folder, role, name }) => `${root}\n${folder}\n${role.isGeneric ? '' : role.key.slice(0, -name.length)}`,
  ).values()) {
    const [first, ...further] = group;
    // p_t1 and p_t2 alone may be two days.
    if (first === undefined || group.every(({ name }) => /^t\d$/i.test(name)) || new Set(group.map(({ name }) => name)).size < group.length)
      continue;
    first.further.push(...further);
    first.isLoose = true;
  }
}

const sequence = '(t1|t1w|t1ce|t1c|t1gd|t1n|t2|t2w|t2f|flair|adc|dwi|pd)';
const modalities = new RegExp(`^[._-]${sequence}$`, 'i');
const atEnd = new RegExp(`(?:^|[._-])${sequence}$`, 'i');

/** The sequence that an image's name ends with, as it is written there; empty where it does not. */
function sequenceOf(relative: string, { kind }: FileRole): string {
  return kind === 'image' ? (atEnd.exec(imageStem(relative))?.[1] ?? '') : '';
}

function isModality(imageKey: string, maskKey: string): boolean {
  return imageKey.startsWith(maskKey) && modalities.test(imageKey.slice(maskKey.length));
}

function structureOf({ relative }: FoundFile): string {
  return imageStem(relative).replace(/\.seg$/i, '');
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  return Map.groupBy(items, keyOf);
}

function fits(a: string, b: string): boolean {
  return a === '' || b === '' || a === b;
}

function isBelow(home: string, folder: string): boolean {
  return home === folder || home.startsWith(`${folder}/`);
}

function folderOf(relative: string): string {
  return relative.split('/').slice(0, -1).join('/');
}

function shown({ paths }: Image): string {
  return paths[0]?.split(/[\\/]/).at(-1) ?? '';
}
