#!/usr/bin/env node
// Starts the command line on the project's own Node, whichever Node called it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
if (!existsSync(own)) {
  console.error('The project is not set up yet: run "npm run bootstrap" in its folder first.');
  process.exit(1);
}
const result = spawnSync(own, [join(root, 'src-main', 'cli', 'main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(result.status ?? 1);
