// Everything that must hold: lint, types, unit to integration tests, then the window in a real browser. Closes with one line of counts.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBrowser, installBrowser } from './browser.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const results = join(root, 'test-results');
const environment = { ...process.env, PATH: `${bin}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH}` };
const only = process.argv.slice(2);

let passed = 0;
let failed = 0;
const skipped = [];

function run(title, command, args) {
  console.log(`\n── ${title}`);
  const { status } = spawnSync(join(bin, command), args, { cwd: root, env: environment, stdio: 'inherit', shell: process.platform === 'win32' });
  return status === 0;
}

function check(title, command, ...args) {
  if (run(title, command, args)) passed++;
  else failed++;
}

/** Runs a set of vitest files and adds its counts; a run that ends without a report counts as one failure. */
function tests(title, ...args) {
  const report = join(results, `${title.replaceAll(' ', '-')}.json`);
  rmSync(report, { force: true });
  const ok = run(title, 'vitest', ['run', '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`, ...args]);
  if (!existsSync(report)) {
    failed++;
    return;
  }
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  passed += numPassedTests;
  failed += numFailedTests;
  // A file that could not even be loaded fails the run without a failed test.
  if (!ok && numFailedTests === 0) failed++;
  for (const file of testResults) {
    for (const test of file.assertionResults) if (test.status === 'skipped' || test.status === 'pending' || test.status === 'todo') skipped.push(test.fullName);
  }
}

mkdirSync(results, { recursive: true });
if (only.length > 0) {
  tests('chosen tests', ...only);
} else {
  check('lint', 'eslint', '--max-warnings', '0', '.');
  for (const part of ['shared', 'main', 'electron', 'test']) check(`types of ${part}`, 'tsc', '-p', `tsconfig.${part}.json`);
  check('types of the window', 'svelte-check', '--tsconfig', 'tsconfig.renderer.json', '--fail-on-warnings', '--output', 'human');
  tests('unit to integration');
  if (findBrowser() === undefined) installBrowser();
  check('build of the window', 'vite', 'build', '--logLevel', 'warn');
  tests('the window in a browser', '--config', 'vitest.e2e.config.ts');
}

if (skipped.length > 0) {
  console.log('\nSkipped (what they need is not here):');
  for (const name of skipped) console.log(`  ${name}`);
}
console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exit(failed === 0 ? 0 : 1);
