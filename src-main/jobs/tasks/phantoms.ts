import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { makePhantom, phantomLabelSet } from '#shared/domain/phantom.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { phantomsRequest, type PhantomsConfig, type PhantomsResult } from '../requests/phantoms.ts';
import type { Task, TaskContext } from '../task.ts';

/** Writes phantoms as a data set in the layout of the Medical Segmentation Decathlon: imagesTr, labelsTr, dataset.json. Throws `conflict` where files of these names are there. */
export const phantomsTask: Task<PhantomsConfig, PhantomsResult> = { kind: 'phantoms', parse: phantomsRequest.parse, run: writePhantoms };

async function writePhantoms({ config, cancellation, report }: TaskContext<PhantomsConfig>): Promise<PhantomsResult> {
  const { folder, count, seed, resolution, overwrite } = config;
  const cases = Array.from({ length: count }, (_, index) => `phantom_${seed + index}`);
  const dataset = join(folder, 'dataset.json');
  await claimOutputs([dataset, ...cases.flatMap((name) => ['imagesTr', 'labelsTr'].map((part) => join(folder, part, `${name}.nii.gz`)))], {
    inputs: [],
    overwrite,
  });
  for (const name of ['imagesTr', 'labelsTr']) await mkdir(join(folder, name), { recursive: true });
  for (const [index, name] of cases.entries()) {
    throwIfCancelled(cancellation);
    const phantom = makePhantom({ seed: seed + index, resolution });
    await writeVolume(join(folder, 'imagesTr', `${name}.nii.gz`), phantom.image);
    await writeVolume(join(folder, 'labelsTr', `${name}.nii.gz`), phantom.labels);
    report({ phase: 'Making phantoms', fraction: (index + 1) / count, detail: name });
  }
  await writeFile(
    dataset,
    JSON.stringify(
      {
        name: 'Abdominal phantoms',
        modality: { 0: 'CT' },
        labels: Object.fromEntries([['0', 'background'], ...phantomLabelSet.labels.map(({ value, name }) => [String(value), name])]),
        numTraining: count,
        training: cases.map((name) => ({ image: `./imagesTr/${name}.nii.gz`, label: `./labelsTr/${name}.nii.gz` })),
        test: [],
      },
      null,
      1,
    ),
  );
  return { dataset, cases };
}
