/** What the names along a path say of a volume file: image or mask, of what, and where it belongs. Opens nothing. */
import { imageStem } from './endings.ts';

export interface FileRole {
  readonly kind: 'image' | 'mask';
  /** What an image and its masks have in common: the file's name without endings, marks of a mask and channel numbers; lower case. Empty where a mask is called nothing else. */
  readonly key: string;
  /** An image's name says nothing of who it is (ct, t1, image): its folder does. */
  readonly isGeneric: boolean;
  /** Folders below the root without those that only say "images" or "labels"; '/' between, no '/' at the ends. */
  readonly home: string;
  /** 'train', 'test' or 'val' where the folder of images or labels names one of them, else empty. */
  readonly split: string;
  /** nnU-Net's channel number, where the name ends in one; `key` keeps it. */
  readonly channel: number | null;
  /** Of several masks of one image the one with the lowest number: labels that were corrected come before the original ones (MONAI Label), and whole ones before scribbles. */
  readonly order: number;
}

const maskFolder = /^(labels?|scribbles?|masks?|segs?|segmentations?|annotations?|gt|ground[_-]?truth)[_-]?(tr|ts|train|test|val)?$/i;
const imageFolder = /^(images?|imgs?|scans?|volumes?)[_-]?(tr|ts|train|test|val|unlabell?ed)?$/i;
const withinMasks = /^(final|original)$/i;

const maskWord = '(?:seg|dseg|segmentations?|labels?|labelmap|masks?|gt|roi|ground[_-]?truth|annotations?)';
const maskSuffix = new RegExp(`[._-]${maskWord}$`, 'i');
const maskPrefix = new RegExp(`^${maskWord}(?:[._-]+|(?=\\d))`, 'i');
const maskAlone = new RegExp(`^${maskWord}$`, 'i');
const imageSuffix = /[._-](image|img)$/i;
const imagePrefix = /^(?:image|img|volume)(?:[._-]+|(?=\d))/i;
/** Names that say nothing of who it is. */
const imageAlone = /^(image|img|imaging|volume|scan|ct|mri?|cta|pet|t1w?|t2w?|flair)$/i;
const maskWithin = new RegExp(`[._-]${maskWord}(?=[._-])`, 'i');
/** BIDS entities that tell derived files apart, not what they were derived from. */
const derivedEntity = /_(space|desc|label|res|den|atlas|seg)-[a-z0-9+]+/gi;

/** `relativePath`: below the folder that was chosen, '/' between, that folder's own name first. */
export function roleOf(relativePath: string): FileRole {
  const folders = relativePath.split('/').slice(0, -1);
  const stem = imageStem(relativePath);
  const at = folders.findLastIndex((name, n) => n > 0 && (maskFolder.test(name) || imageFolder.test(name)));
  const own = folders.length === 1 ? (folders[0] ?? '') : '';
  const roleFolder = at >= 0 ? (folders[at] ?? '') : own;
  const inMasks = maskFolder.test(roleFolder);
  const inImages = imageFolder.test(roleFolder);
  const isMask = inMasks || maskSuffix.test(stem) || (maskPrefix.test(stem) && !inImages) || maskAlone.test(stem);
  return {
    kind: isMask ? 'mask' : 'image',
    key: keyOf(stem, isMask),
    isGeneric: !isMask && imageAlone.test(stem),
    home: homeOf(folders, at, inMasks),
    split: inMasks || inImages ? splitOf(roleFolder) : '',
    channel: isMask ? null : channelOf(stem),
    order: folders.some((name) => /^(original|scribbles?([_-]?(tr|ts))?)$/i.test(name)) ? 1 : 0,
  };
}

function splitOf(folder: string): string {
  const named = /(tr|ts|train|test|val)$/i.exec(folder)?.[1]?.toLowerCase() ?? '';
  return { tr: 'train', ts: 'test' }[named] ?? named;
}

function keyOf(stem: string, isMask: boolean): string {
  if (isMask) {
    if (maskAlone.test(stem)) return '';
    return stem.replace(maskSuffix, '').replace(maskPrefix, '').replace(imagePrefix, '').replace(derivedEntity, '').toLowerCase();
  }
  return stem.replace(imageSuffix, '').replace(imagePrefix, '').replace(derivedEntity, '').toLowerCase();
}

function homeOf(folders: readonly string[], role: number, inMasks: boolean): string {
  const kept = folders.filter(
    (name, n) =>
      n !== role &&
      !(inMasks && n > role && withinMasks.test(name)) &&
      // derivatives/<pipeline>/ repeats the tree of what it was derived from.
      !/^derivatives$/i.test(name) &&
      !/^derivatives$/i.test(folders[n - 1] ?? ''),
  );
  return kept.join('/');
}

function channelOf(stem: string): number | null {
  const digits = /_(\d{4})$/.exec(stem)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** The key without a channel number. */
export function channelBase(key: string): string {
  return key.replace(/_\d{4}$/, '');
}

/** The name of a file whose stem has a mark of a mask somewhere, without it; null where it has none, or lies among images. */
export function withoutMaskWord(path: string): string | null {
  const [name = '', folder = ''] = path.split(/[\\/]/).toReversed();
  const { kind, key } = roleOf(name);
  if (kind === 'mask') return key;
  return maskWithin.test(key) && !imageFolder.test(folder) ? key.replace(maskWithin, '') : null;
}

/** Whether an image is called like its mask and something more: `example_ct` like `example`. */
export function isCalledAfter(imagePath: string, maskKey: string): boolean {
  const { key } = roleOf(imagePath.split(/[\\/]/).at(-1) ?? '');
  return maskKey !== '' && key.startsWith(maskKey) && /^([._-]|$)/.test(key.slice(maskKey.length));
}
