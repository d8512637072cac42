import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { backboneFolder, readPretrained } from './pretrained.ts';

/** Whether the pre-trained backbone in a folder has seen one of the scans. */
export function backboneHasSeen(folder: string, ids: readonly string[]): boolean {
  return readPretrained(folder)?.cases.some((id) => ids.includes(id)) ?? false;
}

/**
 * Takes scans out of what is kept between trainings: prepared scans go at once (they are prepared again), slices and clusters where they hold
 * one of these, and so does a backbone that was pre-trained on one. May be repeated.
 */
export async function forgetScans(folder: string, ids: readonly string[]): Promise<void> {
  await rm(join(folder, 'cases'), { recursive: true, force: true });
  const slices = await readFile(join(folder, 'slices.json'), 'utf8').catch(() => '');
  const begun = slices === '';
  if (begun || ids.some((id) => slices.includes(id)))
    for (const name of await readdir(folder).catch(() => []))
      if (/^(slices\.|clusters\.json|clustering\.key|clusterer-|labels-|pseudo|pretrain\.safetensors$)/.test(name))
        await rm(join(folder, name), { force: true });
  if (!backboneHasSeen(folder, ids)) return;
  // What says that it has seen them goes last: cut off, this begins again.
  await rm(backboneFolder(folder), { recursive: true, force: true });
  await rm(join(folder, 'pretrained.json'), { force: true });
}
