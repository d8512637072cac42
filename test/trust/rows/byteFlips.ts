import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { addCase, listCases, listEvents, openProject, resolveInside } from '#main/library/index.ts';
import type { TrustRow } from '../row.ts';
import { trustProject } from '../trustProject.ts';

export const row: TrustRow = {
  name: 'damaged-database',
  property: 'every flipped byte or cut is noticed at opening, the original kept, the library restored, the images untouched',
  count: 200,
  short: 12,
  part: 100,
  async run({ count, random, folder }) {
    const path = join(folder, 'p');
    const { project } = trustProject(path);
    for (let n = 2; n <= 30; n++) addCase(project.write, { name: `Case ${n}`, notes: `note ${n}` });
    writeFileSync(join(path, 'images', 'volume.nii.gz'), Buffer.alloc(1000, 7));
    project.close();
    const failures: string[] = [];
    for (let trial = 0; trial < count; trial++) {
      const copy = join(folder, 'copy');
      cpSync(path, copy, { recursive: true });
      const file = join(copy, 'library.sqlite');
      let bytes = readFileSync(file);
      const cut = random.integer(4) === 0;
      const at = random.integer(bytes.length);
      if (cut) bytes = bytes.subarray(0, at);
      else bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
      writeFileSync(file, bytes);
      const what = `trial ${trial}: ${cut ? 'cut' : 'flipped'} at ${at}`;
      try {
        const opened = openProject(copy, { author: 'trust' });
        const { repair } = opened;
        if (repair === null) failures.push(`${what}: not noticed`);
        else if (!readFileSync(resolveInside(copy, `${repair.keptIn}/library.sqlite`)).equals(bytes))
          failures.push(`${what}: the original is not kept`);
        if (listCases(opened.read, { text: 'note' }).total !== 29) failures.push(`${what}: cases are missing`);
        if (listEvents(opened.read)[0]?.kind !== 'restored-backup') failures.push(`${what}: not in the audit trail`);
        if (!readFileSync(join(copy, 'images', 'volume.nii.gz')).equals(Buffer.alloc(1000, 7)))
          failures.push(`${what}: an image has changed`);
        opened.close();
      } catch (error) {
        failures.push(`${what}: ${error instanceof StudioError ? `${error.message} (${error.detail ?? ''})` : String(error)}`);
      }
      rmSync(copy, { recursive: true });
    }
    return Promise.resolve({ tried: count, failures });
  },
};
