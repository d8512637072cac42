import { defineConfig } from 'vitest/config';

// One browser at a time: a software-rendered window takes both cores.
export default defineConfig({
  test: { include: ['test/e2e/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 300_000, fileParallelism: false, pool: 'forks' },
});
