/** Worker thread: writes the demo project's phantoms as NIfTI files. See demoProject.ts. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { makePhantom } from '#shared/domain/phantom.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';

const { folder, seeds, labelled, resolution } = workerData as {
  folder: string;
  seeds: readonly number[];
  labelled: number;
  resolution: number;
};

await mkdir(join(folder, 'images'), { recursive: true });
await mkdir(join(folder, 'labels'), { recursive: true });
for (const [index, seed] of seeds.entries()) {
  const { image, labels } = makePhantom({ seed, resolution });
  const name = `Phantom ${String(index + 1).padStart(2, '0')}.nii.gz`;
  await writeVolume(join(folder, 'images', name), image);
  if (index < labelled) await writeVolume(join(folder, 'labels', name), labels);
  parentPort?.postMessage(index + 1);
}
