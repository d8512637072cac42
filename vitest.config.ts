import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest goes first, so that nothing long is left alone at the end. */
const longest = ['/e2e/monkey/', '/e2e/days/', '/e2e/daily', '/e2e/prompts', '/e2e/screens', '/e2e/crash'];
const isCensus = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/e2e/census/');
const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = longest.findIndex((part) => moduleId.includes(part));
  return place < 0 ? longest.length : place;
};

/** The census counts what all the others have pressed. */
class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b));
    return [...sorted.filter((file) => !isCensus(file)), ...sorted.filter(isCensus)];
  }
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: Order },
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
          globalSetup: [
            'test/support/ownData.ts',
            'test/support/compiledHosts.ts',
            'test/support/sharedBrowsers.ts',
            'test/e2e/census/begin.ts',
          ],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          expect: { poll: { timeout: 60_000 } },
          // What a file imports is most of the program: it is read once for all that one process runs.
          isolate: false,
          // The census comes when all the others have pressed what they press.
          fileParallelism: process.env['LOGONET_CENSUS'] === undefined,
          pool: 'forks',
        },
      },
    ],
  },
});
