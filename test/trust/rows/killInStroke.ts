import { join } from 'node:path';
import { openDocument } from '#main/document/index.ts';
import { openProject } from '#main/library/index.ts';
import { SegmentationDocument } from '#shared/segmentation/index.ts';
import type { TrustRow } from '../row.ts';
import { maskHash, trustGrid, trustProject, writeUntilKilled } from '../trustProject.ts';

export const row: TrustRow = {
  name: 'kill-in-stroke',
  property: 'kill -9 in mid-stroke keeps the stroke up to its last second, says so, and undo still works',
  count: 100,
  short: 3,
  part: 25,
  async run({ count, random, folder }) {
    const failures: string[] = [];
    let longest = 0;
    for (let trial = 0; trial < count; trial++) {
      const path = join(folder, String(trial));
      const { project, caseId } = trustProject(path);
      project.close();
      const seed = random.uint32();
      const { said, killedAt } = await writeUntilKilled(path, caseId, seed, 'stroke', 30 + random.integer(300));
      const last = said.findLastIndex(({ word }) => word !== 'next');
      const base = said.find(({ word }) => word === 'base');
      const allowed = said.slice(last);
      const opened = openProject(path, { author: 'trust' });
      const document = await openDocument(opened.paths.case(caseId), { caseId, grid: trustGrid });
      const fail = (what: string): void => {
        failures.push(`trial ${trial}, seed ${seed}: ${what}`);
      };
      const hash = maskHash(document.volume);
      const recoveredAt = said.findLast((state) => state.hash === hash)?.at ?? 0;
      longest = Math.max(longest, killedAt - recoveredAt);
      if (!allowed.some((state) => state.hash === hash)) fail(`the mask is ${hash}, acknowledged was ${said[last]?.hash}`);
      const drawn = said.slice(said.findIndex(({ word }) => word === 'base') + 1).some(({ word }) => word === 'ack');
      const { recovery } = document;
      if (
        drawn &&
        (recovery?.unfinished !== 'Brush' || recovery.caseId !== caseId || !/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d was/.test(recovery.sentence))
      )
        fail(`said ${JSON.stringify(recovery)}`);
      const { mask, history } = document.state();
      const editor = SegmentationDocument.restore(mask, history);
      if (drawn) editor.undo();
      if (drawn && maskHash(editor.volume) !== base?.hash) fail('undo does not take the stroke back');
      while (editor.undo() !== null);
      if (editor.volume.data.some((label) => label !== 0)) fail('undoing everything does not end at the beginning');
      await document.close();
      opened.close();
    }
    return { tried: count, failures, most: { 'ms of drawing lost': longest } };
  },
};
