// What takes longer than a test run may, in the window of a real browser:
//   node scripts/window.mjs days [firstDay | readingSession | badDay | many]     the days at the workstation at full size
//   node scripts/window.mjs monkey [--from 1] [--seeds 200] [--gestures 1000]    random gestures; goes on from any seed
//   node scripts/window.mjs census [again]                                       every control that any test of the window sees; again: the last part alone, with what the last run saw
//   node scripts/window.mjs pictures                                             the pictures of docs/getting-started, anew
// The monkey writes what passed to test-results/monkey/passed.txt, and beside it the gestures of a seed that failed.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    gestures: { type: 'string', default: '1000' },
  },
});
const [what = '', name = ''] = positionals;
/** Which tests, and what they are told. */
const kinds = {
  days: [join('test/e2e/days', name), { LOGONET_DAYS: 'full' }],
  monkey: ['test/e2e/monkey', { MONKEY_FROM: values.from, MONKEY_SEEDS: values.seeds, MONKEY_GESTURES: values.gestures }],
  pictures: ['test/e2e/pictures.test.ts', { LOGONET_PICTURES: 'docs' }],
  census: name === 'again' ? ['test/e2e/census', { LOGONET_CENSUS: 'again' }] : ['test/e2e', { LOGONET_CENSUS: 'all' }],
};
const kind = kinds[what];
if (kind === undefined) {
  console.error(`Say which: ${Object.keys(kinds).join(', ')}.`);
  process.exit(2);
}
const [files, told] = kind;
const { status } = spawnSync(join(root, 'node_modules', '.bin', 'vitest'), ['run', '--project', 'window', '--reporter=verbose', files], {
  cwd: root,
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, ...told },
});
process.exit(status ?? 1);
