import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { affineFrom } from '#shared/geometry/affine.ts';
import type { Grid, Triple, Volume } from '#shared/geometry/grid.ts';
import { Windows } from '#main/host/windows.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { silentLog } from '#shared/base/log.ts';
import { appFolders } from '#main/project/appFolders.ts';
import { createStudio, type Studio } from '#main/services/studio.ts';
import { memoryClient } from './memoryPair.ts';
import type { Client } from '#shared/contract/client.ts';

export interface TestStudio {
  readonly client: Client;
  readonly studio: Studio;
  /** A fresh folder that is removed in the end. */
  readonly folder: string;
  close(): Promise<void>;
}

/** All services with a client, as a host has them, over a fresh application folder (or a given one, to start again). */
export function startStudio(folder = mkdtempSync(join(tmpdir(), 'logonet-studio-'))): TestStudio {
  const windows = new Windows(silentLog);
  const folders = appFolders(process.platform, { LOGONET_DATA: join(folder, 'data') });
  const studio = createStudio({
    folders,
    log: silentLog,
    publish: windows.publish,
    host: { kind: 'web', version: '0.0.0', quit: () => undefined },
  });
  windows.handlers = studio.handlers;
  const client = memoryClient(windows.connect);
  return {
    client,
    studio,
    folder,
    close: async () => {
      await studio.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 }); // A thread that was ended may still have a file open.
    },
  };
}

export const testLabels = [
  { value: 1, name: 'Liver', color: '#e69f00', locked: false },
  { value: 2, name: 'Spleen', color: '#56b4e9', locked: false },
] as const;

export function gridOf(size: Triple, spacing: Triple = [1, 1, 2]): Grid {
  return {
    size,
    affine: affineFrom({
      origin: [-10, -20, 30],
      axes: [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      spacing,
    }),
  };
}

/** A CT-like volume whose voxel is its index plus `seed`, modulo 2000, less 1000. */
export function rampVolume(size: Triple, seed = 0): Volume<Int16Array> {
  const data = new Int16Array(size[0] * size[1] * size[2]);
  for (let i = 0; i < data.length; i++) data[i] = ((i + seed) % 2000) - 1000;
  return { grid: gridOf(size), data };
}

/** The list beside masks that says what their values mean: without one, an import asks. */
export function writeLabelList(folder: string, labels: readonly { readonly value: number; readonly name: string }[]): void {
  writeFileSync(join(folder, 'labels.csv'), labels.map(({ value, name }) => `${String(value)},"${name.replaceAll('"', '""')}"\n`).join(''));
}

/** Writes `count` images and, for the first `masks` of them, masks of the same name in `images` and `labels` below the folder, with the names of `testLabels`. */
export async function writePairs(folder: string, count: number, masks: number, size: Triple = [12, 10, 8]): Promise<void> {
  mkdirSync(join(folder, 'images'), { recursive: true });
  mkdirSync(join(folder, 'labels'), { recursive: true });
  writeLabelList(join(folder, 'labels'), testLabels);
  for (let i = 0; i < count; i++) {
    const image = rampVolume(size, i * 7);
    await writeVolume(join(folder, 'images', `case${String(i)}.nii.gz`), image);
    if (i < masks) {
      const mask = new Uint8Array(image.data.length).map((_, index) => (index % 5 === i % 3 ? 1 + (i % 2) : 0));
      await writeVolume(join(folder, 'labels', `case${String(i)}.nii.gz`), { grid: image.grid, data: mask });
    }
  }
}
