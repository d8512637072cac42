#!/usr/bin/env node
// Starts the command line on the project's own Node, whichever Node called it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ownNode, root } from './node.mjs';

if (!existsSync(ownNode)) {
  console.error('The project is not set up yet: run "npm run bootstrap" in its folder first.');
  process.exit(1);
}
const child = spawn(ownNode, [join(root, 'src-main', 'cli', 'main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' });
// A terminal's Ctrl-C reaches both; what is sent to this process alone is passed on, so that the command leaves its checkpoint.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`The command line could not be started: ${error.message}`);
  process.exitCode = 1;
});
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
