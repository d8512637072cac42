/**
 * Edits and saves until it is killed: node writer.ts PROJECT CASE SEED edits|stroke. Before each change it prints `next HASH CASES`, and
 * `ack HASH CASES` once the change is acknowledged, each with the hash of the mask and the number of cases that should then be there.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { openDocument } from '#main/document/index.ts';
import { addCase, listCases, openProject, setCaseStatus } from '#main/library/index.ts';
import { Random } from '#shared/base/random.ts';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { encodeMask, freePolicy, grow, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { trustGrid } from '../trustProject.ts';

const [folder, caseId, seed, mode] = process.argv.slice(2) as [string, string, string, string];
const random = new Random(Number(seed));
const project = openProject(folder, { author: 'writer' });
const document = await openDocument(project.paths.case(caseId), { caseId, grid: trustGrid, snapshotBytes: 20_000 });
const records: Uint8Array[] = [];
const { mask, history } = document.state();
const editor = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
let cases = listCases(project.read, { limit: 1 }).total;

const say = (word: string): void => {
  const hash = createHash('sha256').update(encodeMask(editor.volume)).digest('hex').slice(0, 16);
  writeSync(1, `${word} ${hash} ${cases} ${Date.now()}\n`);
};
const dab = () =>
  paint(
    { volume: editor.volume, policy: freePolicy },
    {
      kind: 'ball',
      centre: [random.uniform(0, 48), random.uniform(0, 48), random.uniform(0, 48)] as LpsPoint,
      radius: random.uniform(1, 8),
    },
    1 + random.integer(3),
  );
const send = async (): Promise<void> => {
  say('next');
  await document.append(records.splice(0));
  say('ack');
};

say('ack');
if (mode === 'stroke') {
  editor.push('Before', dab());
  await send();
  say('base');
  const stroke = editor.begin('Brush');
  for (;;) {
    stroke.add(dab());
    await send();
    await new Promise((resolve) => {
      setTimeout(resolve, random.integer(20));
    });
  }
}
for (;;) {
  const choice = random.integer(10);
  if (choice === 0) {
    cases++;
    say('next');
    project.write.transaction(() => {
      setCaseStatus(project.write, addCase(project.write, { name: `Case ${cases}` }), 'excluded');
    });
    say('ack');
    continue;
  }
  if (choice === 1) editor.undo();
  else if (choice === 2) editor.redo();
  else if (choice === 3)
    editor.push('Grow', grow({ volume: editor.volume, policy: freePolicy }, 1 + random.integer(3), random.uniform(-2, 1)));
  else if (choice === 4) {
    say('next');
    await document.snapshot();
    say('ack');
  } else {
    const stroke = editor.begin('Brush');
    for (let n = random.integer(4); n >= 0; n--) stroke.add(dab());
    stroke.commit();
  }
  await send();
}
