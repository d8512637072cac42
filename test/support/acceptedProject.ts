import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { silentLog } from '#shared/base/log.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { Job } from '#shared/domain/job.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import { Workbench } from '#main/project/workbench.ts';
import { labelSet, phantoms } from './improve.ts';

/** What the files and cases of `acceptedProject` are called, as a hospital's are. */
export const patientName = 'Mustermann';

/** A workbench whose settings lie below `root`. */
export function workbenchOf(root: string, changed: (job: Job) => void = () => undefined): Workbench {
  return new Workbench({
    publish: (name, payload) => {
      if (name === 'jobs.changed') changed((payload as { job: Job }).job);
    },
    log: silentLog,
    settings: new SettingsKeeper(join(root, 'app')),
    devices: { chosen: 'cpu' },
  });
}

/** A closed project of five accepted cases, some of whose images lie inside it and some where they were found; resolves with its folder. */
export async function acceptedProject(root: string): Promise<string> {
  const cases = await phantoms(join(root, 'scans'), 5, 4);
  for (const [index, { image, mask }] of cases.entries()) {
    const folder = join(root, index % 2 === 0 ? 'inside' : 'outside');
    for (const kind of ['images', 'labels']) mkdirSync(join(folder, kind), { recursive: true });
    cpSync(image, join(folder, 'images', `${patientName}-${String(index)}.nii`));
    cpSync(mask, join(folder, 'labels', `${patientName}-${String(index)}.nii`));
  }
  const bench = workbenchOf(root);
  const folder = join(root, 'study');
  const { project } = await bench.create(folder, 'Study', labelSet);
  for (const [place, mode] of [
    ['inside', 'copy'],
    ['outside', 'reference'],
  ] as const) {
    const choices = new Map(labelSet.labels.map(({ value, name }) => [String(value), name]));
    const work = { mode, choices, cancellation: neverCancelled, report: ignoreProgress };
    expect(await importCases(project, [join(root, place)], work)).toMatchObject({ skipped: [] });
  }
  await bench.close();
  return folder;
}
