import { svelte } from '@sveltejs/vite-plugin-svelte';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

// The same build serves both hosts: the Electron window loads it through the app protocol, the web host over loopback. Both send
// `script-src 'self'`, so nothing is inlined, and no polyfill script is injected.
/** Writes the folders of the packages that the window is made of, for the notices (scripts/notices.mjs). */
const listPackages: Plugin = {
  name: 'list-packages',
  writeBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
    const packages = modules.flatMap((id) => /node_modules\/(?:@[^/]+\/)?[^/]+(?=\/(?!.*node_modules\/))/.exec(id)?.[0] ?? []);
    writeFileSync(resolve(import.meta.dirname, 'dist/windowPackages.json'), JSON.stringify([...new Set(packages)].sort()));
  },
};

export default defineConfig({
  root: resolve(import.meta.dirname, 'src-renderer'),
  base: './',
  publicDir: false,
  plugins: [svelte({ compilerOptions: { runes: true } }), listPackages],
  worker: { format: 'es' },
  build: {
    outDir: resolve(import.meta.dirname, 'dist/renderer'),
    emptyOutDir: true,
    target: 'chrome130',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    reportCompressedSize: false,
  },
});
