import { sameChannelName, type IntensityScale, type Placement } from './caseImages.ts';
import type { KnownImage } from './image.ts';

/** One image of a case by its files. */
export interface ChannelFiles extends KnownImage {
  /** Empty where nothing names it. */
  readonly name: string;
  readonly image: string | readonly string[];
  /** Of a file that holds several, from 1. */
  readonly volume?: number | undefined;
  /** Where it lies to the leading image. Absent: where its file says. */
  readonly placement?: Placement | undefined;
  readonly scale?: IntensityScale | undefined;
  /** As `Scan` has it. */
  readonly contentHash?: string | undefined;
}

/** The images of a case by their files (one, or those of a series). */
export interface CaseFiles extends KnownImage {
  /** The leading image. */
  readonly image: string | readonly string[];
  /** All of them, the leading one first; absent where there is no other. */
  readonly channels?: readonly ChannelFiles[] | undefined;
}

/** A labelled case by the paths of its images and its mask. */
export interface LabelledCase extends CaseFiles {
  readonly name: string;
  readonly labels: string | readonly string[];
}

/** A scan, labelled or not. */
export interface Scan extends CaseFiles {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the image's files, where it is known: what was prepared from them then survives a move of the project. */
  readonly contentHash?: string | undefined;
}

/** What could not be used, and why. */
export interface SkippedCase {
  readonly path: string;
  readonly reason: string;
}

/**
 * Which of a case's images a network's channels are, by name; null: the case lacks it. One channel takes a case's only image, whatever either is called.
 */
export function chosenChannels(images: readonly Pick<ChannelFiles, 'name'>[], wanted: readonly string[]): (number | null)[] {
  if (images.length === 1 && wanted.length === 1) return [0];
  return wanted.map((name) => {
    const found = images.findIndex((image) => sameChannelName(image.name, name));
    return found < 0 ? null : found;
  });
}

/** What a case lacks and what it has, for the person. */
export function lackingText(images: readonly Pick<ChannelFiles, 'name'>[], missing: readonly string[]): string {
  const named = images.map(({ name }) => name).filter((name) => name !== '');
  const has = named.length === 0 ? `${images.length} ${images.length === 1 ? 'image' : 'images'} without a name` : quoted(named);
  return `the case has no image ${quoted(missing)}; it has ${has}`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `“${name}”`).join(', ');
}
