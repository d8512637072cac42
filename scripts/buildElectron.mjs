// Bundles Electron's main process (ES module) and its preload script (CommonJS, as a sandboxed preload must be) into dist/main.
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const external = ['electron', ...builtinModules, /^node:/];

const bundle = (entry, format, fileName, emptyOutDir) =>
  build({
    configFile: false,
    root,
    logLevel: 'error',
    publicDir: false,
    resolve: { alias: { '#shared': join(root, 'src-shared'), '#main': join(root, 'src-main') } },
    build: {
      outDir: 'dist/main',
      emptyOutDir,
      minify: false,
      target: 'node22',
      lib: { entry, formats: [format], fileName: () => fileName },
      rollupOptions: { external },
    },
  });

await bundle(join(root, 'src-main/host/electron/main.ts'), 'es', 'main.js', true);
await bundle(join(root, 'src-main/preload/preload.ts'), 'cjs', 'preload.cjs', false);
