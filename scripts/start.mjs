// Starts the app: in Electron where its binary is there, else in an installed browser through the loopback host.
// Builds the window first when its sources are newer than its build. `--web` takes the browser even where Electron is there.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ownNode, root } from './node.mjs';

const passed = process.argv.slice(2).filter((word) => word !== '--web');

/** Time of the newest file in what is named. */
function newest(...names) {
  return Math.max(
    0,
    ...names.map((name) => {
      const path = join(root, name);
      if (!existsSync(path)) return 0;
      if (!statSync(path).isDirectory()) return statSync(path).mtimeMs;
      const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
    }),
  );
}

function build(script, ...args) {
  const result = spawnSync(ownNode, [join(root, script), ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (result.status !== 0) {
    console.error('The build failed: see the lines above.');
    process.exit(1);
  }
}

/** Path of Electron's program, or null: it is downloaded from GitHub and not every network allows that. */
function electronProgram() {
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  const folder = override ?? join(root, 'node_modules', 'electron', 'dist');
  const name = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' }[process.platform] ?? 'electron';
  return existsSync(join(folder, name)) ? join(folder, name) : null;
}

if (newest('src-renderer', 'src-shared', 'vite.config.ts') > newest('dist/renderer/index.html')) {
  console.error('Building the window …');
  build('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error');
}

const hasDisplay = process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
if (!hasDisplay && !passed.includes('--no-browser')) {
  console.error('There is no display here: open the address below in a browser on this computer, or reach its port through ssh -L.');
  passed.push('--no-browser');
}
const electron = process.argv.includes('--web') || !hasDisplay ? null : electronProgram();
let child;
if (electron !== null) {
  build('scripts/buildElectron.mjs');
  child = spawn(electron, [root, ...passed], { cwd: root, stdio: 'inherit', env: { ...process.env, LOGONET_NODE: ownNode } });
} else {
  if (!process.argv.includes('--web') && hasDisplay)
    console.error(
      "Electron's program is not installed here, so LoGoNet Studio opens in your browser instead; it works the same and stays on this computer.",
    );
  child = spawn(ownNode, [join(root, 'src-main', 'host', 'web', 'main.ts'), ...passed], { cwd: root, stdio: 'inherit' });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 0;
});
