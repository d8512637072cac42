import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TrustRow } from '../row.ts';

const root = resolve(import.meta.dirname, '../../..');
const kept = join(root, '.cache/trust/crashes');

/**
 * The file's process ended by SIGSEGV once, in some 350 runs (docs/explanation/trust.md). Of a run that fails, the core file and the list of workers that were
 * made and ended are kept in .cache/trust/crashes.
 */
export const row: TrustRow = {
  name: 'clustering-runs',
  property: 'the tests of clustering scans pass however often they run',
  count: 500,
  short: 0,
  part: 5,
  run({ count, from, folder }) {
    const failures: string[] = [];
    for (let n = from; n < from + count; n++) {
      const own = join(folder, String(n));
      mkdirSync(own, { recursive: true });
      const vitest = join(root, 'node_modules/vitest/vitest.mjs');
      const env = {
        ...process.env,
        TMPDIR: own,
        NODE_OPTIONS: `--import=${pathToFileURL(join(root, 'test/support/workerList.ts')).href}`,
        LOGONET_WORKER_LIST: join(own, 'workers.log'),
      };
      const begun = Date.now();
      // A core file is written into the folder that the process runs in.
      const { status, signal, stdout, stderr } = spawnSync(
        'bash',
        [
          '-c',
          'ulimit -c unlimited; exec "$@"',
          'bash',
          process.execPath,
          vitest,
          'run',
          '--project',
          'unit',
          'test/integration/clustering',
        ],
        { cwd: root, encoding: 'utf8', env },
      );
      if (status === 0) {
        rmSync(own, { recursive: true, force: true });
        continue;
      }
      const place = join(kept, `${new Date().toISOString().replaceAll(':', '')}-${n}`);
      mkdirSync(place, { recursive: true });
      cpSync(own, place, { recursive: true });
      for (const name of readdirSync(root)) {
        const core = join(root, name);
        if (!/^core(\.\d+)?$/.test(name) || statSync(core).mtimeMs < begun) continue;
        cpSync(core, join(place, name));
        rmSync(core);
      }
      failures.push(`run ${n}: ended with ${signal ?? String(status)}, kept in ${place}: ${`${stdout}${stderr}`.slice(-1500)}`);
    }
    return Promise.resolve({ tried: count, failures });
  },
};
