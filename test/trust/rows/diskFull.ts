import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { openDocument, readMaskFile, writeMaskFile } from '#main/document/index.ts';
import { addCase, listCases, openProject } from '#main/library/index.ts';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { fillDisk, withSmallDisk } from '../smallDisk.ts';
import type { TrustRow } from '../row.ts';
import { maskHash, trustGrid, trustProject } from '../trustProject.ts';

async function refused(work: () => unknown): Promise<string | null> {
  try {
    await work();
    return 'did not fail';
  } catch (error) {
    if (error instanceof StudioError && error.code === 'disk-full' && /disk is full/i.test(error.message)) return null;
    return `said ${String(error)}`;
  }
}

export const row: TrustRow = {
  name: 'disk-full',
  property: 'on a full disk the old state stays, the message is clear, and the retry works',
  count: 50,
  short: 2,
  part: 10,
  async run({ count, random, folder }) {
    const failures: string[] = [];
    for (let trial = 0; trial < count; trial++) {
      const disk = join(folder, `disk${trial}`);
      const done = await withSmallDisk(disk, async () => {
        const fail = (what: string): void => {
          failures.push(`trial ${trial}: ${what}`);
        };
        const { project, caseId } = trustProject(join(disk, 'p'));
        const document = await openDocument(project.paths.case(caseId), { caseId, grid: trustGrid });
        const records: Uint8Array[] = [];
        const { mask, history } = document.state();
        const editor = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
        const edits = (number: number): void => {
          for (let n = 0; n < number; n++) {
            const centre = [random.uniform(0, 48), random.uniform(0, 48), random.uniform(0, 48)] as const;
            editor.push('Dab', paint({ volume: editor.volume, policy: freePolicy }, { kind: 'ball', centre, radius: 8 }, 1 + (n % 3)));
          }
        };
        edits(5);
        await document.append(records.splice(0));
        const maskPath = join(disk, 'p', 'cases', caseId, 'prediction.mask');
        const stored = maskHash(document.volume);
        await writeMaskFile(maskPath, document.volume);
        project.backup();
        fillDisk(join(disk, 'filler'));

        edits(60);
        const waiting = records.splice(0);
        const full = await refused(() => document.append(waiting));
        if (full !== null) fail(`saving an edit: ${full}`);
        if (maskHash(document.volume) !== stored) fail('the mask in memory is not the one on disk');
        const snapshot = await refused(() => document.snapshot());
        if (snapshot !== null) fail(`a snapshot: ${snapshot}`);
        const prediction = await refused(() => writeMaskFile(maskPath, editor.volume));
        if (prediction !== null) fail(`a mask file: ${prediction}`);
        if (maskHash(await readMaskFile(maskPath)) !== stored) fail('the old mask file is not intact');
        const cases = listCases(project.read).total;
        const library = await refused(() => {
          for (let n = 0; n < 500; n++) addCase(project.write, { name: 'x'.repeat(20_000) });
        });
        if (library !== null) fail(`the library: ${library}`);
        const kept = listCases(project.read).total;
        if (kept < cases) fail('cases are missing');
        const backup = await refused(() => {
          project.backup();
        });
        if (backup !== null) fail(`a backup: ${backup}`);

        rmSync(join(disk, 'filler'));
        await document.append(waiting);
        await document.snapshot();
        addCase(project.write, { name: 'After' });
        if (maskHash(document.volume) !== maskHash(editor.volume)) fail('the retry lost an edit');
        await document.close();
        project.close();
        const opened = openProject(join(disk, 'p'), { author: 'trust' });
        const again = await openDocument(opened.paths.case(caseId), { caseId, grid: trustGrid });
        if (opened.repair !== null || again.recovery !== null) fail('not as it was left');
        if (maskHash(again.volume) !== maskHash(editor.volume) || listCases(opened.read).total !== kept + 1)
          fail('what was retried is not there');
        await again.close();
        opened.close();
        return true;
      });
      if (done === null) return { tried: 0, failures: [], skipped: 'no small disk can be mounted here' };
    }
    return { tried: count, failures };
  },
};
