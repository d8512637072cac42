import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { listCases, openProject } from '#main/library/index.ts';
import { storePrediction } from '../../support/storePrediction.ts';
import { startStudio, writeLabelList } from '../../support/studio.ts';
import { syntheticCase } from '../../support/syntheticCase.ts';

/** Bytes that no reader of images takes. */
export const unreadable = Buffer.from([31, 139, 8, 0, 1, 2, 3]);

/** A scan with a mask that names nothing, one of two volumes, and one that cannot be read. */
export async function writeUnsure(folder: string): Promise<void> {
  for (const part of ['images', 'labels']) mkdirSync(join(folder, part), { recursive: true });
  const { image, mask } = syntheticCase([40, 36, 20], [6, 6, 8]);
  await writeVolume(join(folder, 'images', 'unsure.nii.gz'), image);
  await writeVolume(join(folder, 'labels', 'unsure.nii.gz'), mask);
  await writeVolume(join(folder, 'two.nii'), image);
  const bytes = readFileSync(join(folder, 'two.nii'));
  bytes.writeInt16LE(4, 40);
  bytes.writeInt16LE(2, 48);
  writeFileSync(join(folder, 'two.nii'), Buffer.concat([bytes, bytes.subarray(bytes.readFloatLE(108))]));
  writeFileSync(join(folder, 'broken.nii.gz'), unreadable);
}

/** A case of two images. */
export async function writeChannels(folder: string): Promise<void> {
  mkdirSync(join(folder, 'imagesTr'), { recursive: true });
  const { image } = syntheticCase([40, 36, 24], [6, 6, 8]);
  await writeVolume(join(folder, 'imagesTr', 'several_0000.nii.gz'), image);
  await writeVolume(join(folder, 'imagesTr', 'several_0001.nii.gz'), { ...image, data: image.data.map((value) => -value) });
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ channel_names: { 0: 'T1', 1: 'FLAIR' }, labels: { background: 0 } }));
}

/**
 * Puts into a project the case `shapes`, whose first label every operation changes: a box with a hole in it, a slice that lies apart, and
 * an island; a second label beside it; and a prediction that has more labels. One more label is called “ignore”.
 */
export async function addShapes(folder: string, project: string): Promise<void> {
  const size = [48, 44, 32] as const;
  const made = syntheticCase(size, [2, 2, 2.5]);
  const data = new Uint8Array(made.mask.data.length);
  const box = (value: number, [i0, j0, k0]: readonly number[], [i1, j1, k1]: readonly number[]): void => {
    for (let k = Number(k0); k < Number(k1); k++)
      for (let j = Number(j0); j < Number(j1); j++)
        data.fill(value, Number(i0) + size[0] * (j + size[1] * k), Number(i1) + size[0] * (j + size[1] * k));
  };
  box(1, [10, 12, 6], [27, 29, 20]);
  box(0, [16, 18, 11], [20, 22, 15]);
  box(1, [12, 14, 24], [24, 26, 25]);
  box(1, [34, 14, 12], [36, 15, 13]);
  box(2, [30, 24, 8], [38, 32, 18]);
  const incoming = join(folder, 'shapes');
  for (const part of ['images', 'labels']) mkdirSync(join(incoming, part), { recursive: true });
  await writeVolume(join(incoming, 'images', 'shapes.nii.gz'), made.image);
  await writeVolume(join(incoming, 'labels', 'shapes.nii.gz'), { grid: made.mask.grid, data });
  writeLabelList(join(incoming, 'labels'), made.labels);
  const { client, studio } = startStudio(join(folder, 'shapes studio'));
  const { labels } = await client.projects.open({ path: project });
  await client.projects.setLabels({ labels: [...labels, { value: 5, name: 'ignore', color: '#888888', locked: false }] });
  await client.library.import({ sources: [incoming] });
  await studio.close();
  const library = openProject(project, { author: 'test' });
  await storePrediction(library, listCases(library.read, { text: 'shapes' }).cases[0]?.id ?? '', made);
  library.close();
}
