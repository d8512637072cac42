import { cpSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { addCase, listCases, openProject } from '#main/library/index.ts';
import type { TrustRow } from '../row.ts';
import { trustProject } from '../trustProject.ts';

const commits = 40;

export const row: TrustRow = {
  name: 'truncations',
  property: 'database and log cut off anywhere open at some committed state',
  count: 200,
  short: 12,
  part: 100,
  async run({ count, random, folder }) {
    const path = join(folder, 'p');
    const { project } = trustProject(path);
    for (let n = 2; n <= commits; n++) {
      addCase(project.write, { name: `Case ${n}`, notes: 'x'.repeat(random.integer(3000)) });
      if (n === commits / 4) project.backup();
      // So that part of the state is in the database alone and part in the log alone.
      if (n === commits / 2) project.write.get('PRAGMA wal_checkpoint(TRUNCATE)');
    }
    // Copied while it is open: what a power cut would leave, log and all.
    const crashed = join(folder, 'crashed');
    cpSync(path, crashed, { recursive: true, filter: (source) => !source.includes('project.lock') });
    project.close();
    const failures: string[] = [];
    let restored = 0;
    for (let trial = 0; trial < count; trial++) {
      const copy = join(folder, 'copy');
      cpSync(crashed, copy, { recursive: true });
      const file = join(copy, random.integer(2) === 0 ? 'library.sqlite' : 'library.sqlite-wal');
      const length = random.integer(statSync(file).size);
      truncateSync(file, length);
      const what = `trial ${trial}: ${file.slice(copy.length + 1)} cut at ${length}`;
      try {
        const opened = openProject(copy, { author: 'trust' });
        const { total, cases } = listCases(opened.read, { limit: 1000 });
        const names = cases.map(({ name }) => Number(name.slice(5))).sort((a, b) => a - b);
        if (names.some((n, at) => n !== at + 1)) failures.push(`${what}: not a state that ever was (${names.join(' ')})`);
        if (opened.repair !== null) {
          restored++;
          if (total < commits / 4) failures.push(`${what}: restored to ${total} cases`);
        }
        if (opened.write.get<{ integrity_check: string }>('PRAGMA integrity_check')?.integrity_check !== 'ok')
          failures.push(`${what}: integrity check`);
        opened.close();
      } catch (error) {
        failures.push(`${what}: ${String(error)}`);
      }
      rmSync(copy, { recursive: true });
    }
    return Promise.resolve({
      tried: count,
      failures,
      counts: { 'restored from a backup': restored, 'opened as they were': count - restored - failures.length },
    });
  },
};
