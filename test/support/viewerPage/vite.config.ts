import { svelte } from '@sveltejs/vite-plugin-svelte';
import { resolve } from 'node:path';
import { defineConfig } from 'vite';

/** The viewer alone on a synthetic volume: for benches and screenshots, never shipped. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  plugins: [svelte({ compilerOptions: { runes: true } })],
  build: { outDir: resolve(import.meta.dirname, '../../../.cache/viewer-page'), emptyOutDir: true, target: 'chrome130', reportCompressedSize: false, minify: false, chunkSizeWarningLimit: 9000 },
});
