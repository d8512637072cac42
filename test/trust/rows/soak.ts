import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openDocument } from '#main/document/index.ts';
import { openProject, updateCase } from '#main/library/index.ts';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import type { TrustRow } from '../row.ts';
import { trustGrid, trustProject } from '../trustProject.ts';

const descriptors = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);

export const row: TrustRow = {
  name: 'soak-documents',
  property: 'opening, editing, saving and closing again and again leaves memory and descriptors flat',
  count: 2000,
  short: 40,
  async run({ count, random, folder }) {
    const path = join(folder, 'p');
    const { project, caseId } = trustProject(path);
    project.close();
    const settled = Math.min(200, count >> 1);
    let before = { memory: 0, open: 0 };
    const failures: string[] = [];
    for (let cycle = 0; cycle < count; cycle++) {
      if (cycle === settled) before = { memory: process.memoryUsage().rss, open: descriptors() };
      const opened = openProject(path, { author: 'trust' });
      const document = await openDocument(opened.paths.case(caseId), { caseId, grid: trustGrid });
      const records: Uint8Array[] = [];
      const { mask, history } = document.state();
      const editor = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
      // Undone and done again, so that the history does not grow by itself.
      editor.undo();
      editor.push(
        'Dab',
        paint(
          { volume: editor.volume, policy: freePolicy },
          { kind: 'ball', centre: [random.uniform(0, 48), 20, 20], radius: 6 },
          1 + (cycle % 3),
        ),
      );
      await document.append(records);
      updateCase(opened.write, caseId, { notes: `cycle ${cycle}` });
      await document.close();
      opened.close();
    }
    const grown = (process.memoryUsage().rss - before.memory) / 2 ** 20;
    if (descriptors() > before.open + 2) failures.push(`${descriptors() - before.open} descriptors more than after ${settled} cycles`);
    if (grown > 150) failures.push(`${grown.toFixed(0)} MB more than after ${settled} cycles`);
    return {
      tried: count,
      failures,
      note: `${descriptors() - before.open} descriptors, ${grown.toFixed(0)} MB after the first ${settled}`,
    };
  },
};
