/** Times a library of 20,000 cases: `node test/bench/library.ts`. Wall and processor milliseconds; the target is 50 ms each on a quiet machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  addCase,
  addImage,
  countByStatus,
  createProject,
  findImageByHash,
  getCase,
  listCases,
  listEvents,
  listImages,
  openProject,
  setCaseStatus,
  setRanking,
  updateCase,
} from '#main/library/index.ts';
import { Random } from '#shared/base/random.ts';
import { caseStatuses } from '#shared/domain/case.ts';
import type { Grid } from '#shared/geometry/grid.ts';

const count = 20_000;
const folder = mkdtempSync(join(tmpdir(), 'library-bench-'));
const random = new Random(1);
const grid: Grid = { size: [512, 512, 300], affine: [0.8, 0, 0, 0, 0, 0.8, 0, 0, 0, 0, 1, 0] };

function measure(name: string, repeat: number, work: (n: number) => unknown): void {
  const wall: number[] = [];
  const processor: number[] = [];
  for (let n = 0; n < repeat; n++) {
    const [start, cpu] = [performance.now(), process.threadCpuUsage()];
    work(n);
    const { user, system } = process.threadCpuUsage(cpu);
    wall.push(performance.now() - start);
    processor.push((user + system) / 1000);
  }
  const median = (values: number[]): string => (values.sort((a, b) => a - b)[values.length >> 1] ?? 0).toFixed(2).padStart(9);
  console.log(`${name.padEnd(52)} wall ${median(wall)} ms   processor ${median(processor)} ms   worst ${Math.max(...wall).toFixed(1)} ms`);
}

try {
  let project = createProject(join(folder, 'p'), { name: 'Bench', author: 'bench', labelSet: { labels: [] } });
  const ids: string[] = [];
  measure(`add ${count} cases with images, one transaction`, 1, () => {
    project.write.transaction(() => {
      for (let n = 0; n < count; n++) {
        const id = addCase(project.write, {
          name: `Patient ${random.integer(1e6)} series ${n}`,
          notes: n % 10 === 0 ? 'motion artefact' : '',
          patientKey: `p${n % 7000}`,
          heldOut: n % 20 === 0,
        });
        addImage(project.write, {
          caseId: id,
          contentHash: `hash ${n}`,
          storedHash: null,
          fileStates: null,
          storage: 'copy',
          paths: [`images/${n}.nii.gz`],
          format: 'nifti1',
          modality: n % 3 ? 'CT' : 'MR',
          grid,
        });
        setCaseStatus(project.write, id, caseStatuses[n % 5] ?? 'unlabelled');
        ids.push(id);
      }
      setRanking(
        project.write,
        ids
          .filter((_, n) => n % 5 === 0)
          .map((caseId, n) => ({ caseId, score: 1 / (n + 1), reason: 'The model is unsure of the spleen.' })),
      );
    });
  });
  measure('close (checkpoint, backup, seal)', 1, () => {
    project.close();
  });
  measure('open (seal, integrity check)', 1, () => {
    project = openProject(join(folder, 'p'), { author: 'bench' });
  });
  const { read, write } = project;
  measure('list, first page of 200 by name', 20, () => listCases(read));
  measure('list, by rank', 20, () => listCases(read, { sort: 'rank' }));
  measure('list, last page by update', 20, () => listCases(read, { sort: 'updatedAt', offset: count - 200 }));
  measure('filter by text in name or notes', 20, (n) => listCases(read, { text: `series ${n}` }));
  measure('filter by status and text, by uncertainty', 20, () =>
    listCases(read, { statuses: ['unlabelled', 'predicted'], text: 'motion', sort: 'uncertainty', descending: true }),
  );
  measure('filter held out', 20, () => listCases(read, { heldOut: true }));
  measure('count by status', 20, () => countByStatus(read));
  measure('open a case: row, images, events', 100, (n) => [
    getCase(read, ids[n * 199] ?? ''),
    listImages(read, ids[n * 199]),
    listEvents(read, { caseId: ids[n * 199] ?? '' }),
  ]);
  measure('find by content', 100, (n) => findImageByHash(read, `hash ${n * 7}`));
  measure('change notes (durable)', 20, (n) => {
    updateCase(write, ids[n] ?? '', { notes: 'checked' });
  });
  project.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
