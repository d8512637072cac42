/** Makes one save of every kind: node saver.ts FOLDER. Run under a system-call trace. */
import { join } from 'node:path';
import { openDocument, writeMaskFile } from '#main/document/index.ts';
import { addCase } from '#main/library/index.ts';
import { encodeRecord, freePolicy, paint } from '#shared/segmentation/index.ts';
import { trustGrid, trustProject } from '../trustProject.ts';

const folder = process.argv[2] as string;
const { project, caseId } = trustProject(join(folder, 'p'));
const document = await openDocument(project.paths.case(caseId), { caseId, grid: trustGrid });
const delta = paint(
  { volume: { grid: trustGrid, data: new Uint8Array(48 ** 3) }, policy: freePolicy },
  { kind: 'ball', centre: [20, 20, 20], radius: 8 },
  1,
);
await document.append([encodeRecord({ kind: 'edit', edit: { name: 'Dab', at: Date.now(), delta } })]);
await document.snapshot();
await writeMaskFile(join(project.paths.case(caseId), 'prediction.mask'), document.volume);
addCase(project.write, { name: 'Case 2' });
project.backup();
await document.close();
project.close();
