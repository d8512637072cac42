import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The census counts what all the others have pressed. */
class CensusLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isCensus = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/e2e/census/');
    return [...sorted.filter((file) => !isCensus(file)), ...sorted.filter(isCensus)];
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: CensusLast },
    projects: [
      {
        plugins: [svelte()], // stores are written with runes
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/slurm/**'],
          globalSetup: 'test/support/ownData.ts',
          // A test that takes over 8 s on a quiet machine names its own; hooks start processes, too.
          testTimeout: 60_000,
          hookTimeout: 300_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'slurm',
          include: ['test/slurm/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'window',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/ownData.ts', 'test/e2e/census/begin.ts'],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 60_000 } },
          // One browser at a time: a software-rendered window takes both cores.
          fileParallelism: false,
          pool: 'forks',
        },
      },
    ],
  },
});
