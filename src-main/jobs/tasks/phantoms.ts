import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { makePhantom, phantomLabelSet } from '#shared/domain/phantom.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';

export interface PhantomsConfig {
  readonly folder: string;
  readonly count: number;
  /** Seed of the first; each further one has the next. */
  readonly seed: number;
  /** Mean in-plane voxel size in mm. */
  readonly resolution: number;
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

/** Writes phantoms as a data set in the layout of the Medical Segmentation Decathlon: imagesTr, labelsTr, dataset.json. */
export async function writePhantoms({ folder, count, seed, resolution, cancellation, report }: PhantomsConfig): Promise<{ dataset: string; cases: string[] }> {
  const cases: string[] = [];
  for (const name of ['imagesTr', 'labelsTr']) await mkdir(join(folder, name), { recursive: true });
  for (let index = 0; index < count; index++) {
    throwIfCancelled(cancellation);
    const name = `phantom_${seed + index}`;
    const phantom = makePhantom({ seed: seed + index, resolution });
    await writeVolume(join(folder, 'imagesTr', `${name}.nii.gz`), phantom.image);
    await writeVolume(join(folder, 'labelsTr', `${name}.nii.gz`), phantom.labels);
    cases.push(name);
    report({ phase: 'Making phantoms', fraction: (index + 1) / count, detail: name });
  }
  const dataset = join(folder, 'dataset.json');
  await writeFile(dataset, JSON.stringify({
    name: 'Abdominal phantoms', modality: { 0: 'CT' },
    labels: Object.fromEntries([['0', 'background'], ...phantomLabelSet.labels.map(({ value, name }) => [String(value), name])]),
    numTraining: count, training: cases.map((name) => ({ image: `./imagesTr/${name}.nii.gz`, label: `./labelsTr/${name}.nii.gz` })), test: [],
  }, null, 1));
  return { dataset, cases };
}
