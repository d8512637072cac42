import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import { isFileFault, StudioError } from '#shared/base/errors.ts';
import { intensityRules } from '#shared/domain/modelCard.ts';
import { lackingText, type ChannelFiles, type SkippedCase, type Scan } from '#shared/domain/trainingCase.ts';
import type { Work } from '#shared/domain/work.ts';
import { spacing as spacingOf, voxelCount, type Volume } from '#shared/geometry/grid.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { makeFolderBelow } from '#main/files/makeFolder.ts';
import { imagesOf, readCaseImages } from '#main/imageio/readCaseImages.ts';
import { prepareImages } from '#main/inference/prepareVolume.ts';
import { encodeCase, isCase } from '../patches/caseFile.ts';
import type { ScanRule } from './scanRule.ts';

export interface PreparedScan {
  readonly id: string;
  readonly file: string;
}

/**
 * Writes each scan as the network sees it into `folder/cases`, where that is not done yet; what is there of other scans, or by another rule,
 * is removed. A scan that cannot be read is left out and named.
 */
export async function prepareScans(
  scans: readonly Scan[],
  folder: string,
  rule: ScanRule,
  context: Pick<Work, 'cancellation' | 'report' | 'turn' | 'alarm'>,
): Promise<{ readonly prepared: PreparedScan[]; readonly skipped: SkippedCase[] }> {
  const { spacing, intensity, channels } = rule;
  makeFolderBelow(dirname(folder), join(folder, 'cases'));
  const prepared: PreparedScan[] = [];
  const skipped: SkippedCase[] = [];
  for (const [index, scan] of scans.entries()) {
    throwIfCancelled(context.cancellation);
    await context.turn();
    const file = join(
      folder,
      'cases',
      `${createHash('sha256')
        .update(
          JSON.stringify([
            scan.id,
            scan.contentHash ?? scan.image,
            spacing,
            intensity,
            ...(channels === undefined ? [] : [channels, scan.channels?.map(channelKey)]),
          ]),
        )
        .digest('hex')
        .slice(0, 32)}.case`,
    );
    try {
      if (!isCase(file)) {
        const { grid, images } = prepareImages(await readScan(scan, channels, context.cancellation), spacing, intensityRules(rule));
        await writeFileAtomically(file, encodeCase(scan.name, grid.size, spacingOf(grid), images, new Uint8Array(voxelCount(grid))));
      }
      prepared.push({ id: scan.id, file });
    } catch (error) {
      if (!isFileFault(error)) throw error;
      skipped.push({ path: scan.name, reason: error.message });
      context.alarm('warning', `Left out: ${error.message}`);
    }
    context.report({ phase: 'Preparing scans', fraction: (index + 1) / scans.length, detail: scan.name });
  }
  const wanted = new Set(prepared.map(({ file }) => basename(file)));
  for (const name of await readdir(join(folder, 'cases'))) if (!wanted.has(name)) await rm(join(folder, 'cases', name), { force: true });
  return { prepared, skipped };
}

/** What it holds and where it lies, wherever its files are. */
function channelKey({ name, image, volume, placement, scale, contentHash, expectedHash }: ChannelFiles): unknown {
  return [name, contentHash ?? expectedHash ?? image, volume, placement, scale];
}

/** Throws `invalid-file` where it lacks a channel that the rule has for certain. */
async function readScan(scan: Scan, channels: ScanRule['channels'], cancellation: Cancellation): Promise<(Volume | null)[]> {
  const { images } = await readCaseImages(
    scan,
    channels?.map(({ name }) => name),
    cancellation,
  );
  const missing = (channels ?? []).filter((_channel, n) => images[n] === null);
  if (images.every((image) => image === null) || missing.some(({ optional }) => optional !== true))
    throw new StudioError(
      'invalid-file',
      `${scan.name}: ${lackingText(
        imagesOf(scan),
        missing.map(({ name }) => name),
      )}.`,
    );
  return images.map((image) => image?.volume ?? null);
}
