import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()], // stores are written with runes
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    // Ten times and more of what a quiet machine needs; hooks start processes, too.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
