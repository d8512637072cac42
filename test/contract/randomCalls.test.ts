import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import { contract, type CallOptions } from '#shared/contract/contract.ts';
import type { ServiceDefinition } from '#shared/contract/define.ts';
import { errorCode } from '#shared/contract/values.ts';
import { Windows } from '#main/host/windows.ts';
import { appFolders } from '#main/project/appFolders.ts';
import { createStudio, type Studio } from '#main/services/studio.ts';
import { memoryClient } from '#test/support/memoryPair.ts';
import { randomInput } from '#test/support/randomInput.ts';
import { startStudio, testLabels, writePairs } from '#test/support/studio.ts';

/** 10,000 with LOGONET_TRUST=full. */
const calls = process.env['LOGONET_TRUST'] === 'full' ? 10_000 : Number(process.env['LOGONET_CALLS'] ?? 500);
const seed = Number(process.env['LOGONET_SEED'] ?? 1);

type AnyCall = (input: unknown, options: CallOptions<unknown>) => Promise<unknown>;

const internal: string[] = [];
/** What Node warns of, listeners that pile up above all. */
const warnings: string[] = [];
const onWarning = (warning: Error): void => {
  warnings.push(warning.stack ?? warning.message);
};
let studio: Studio;
let services: Record<string, Record<string, AnyCall>>;
let folder: string;
let strings: string[];
let removeAll: () => Promise<void>;

beforeAll(async () => {
  process.on('warning', onWarning);
  const setUp = startStudio();
  folder = setUp.folder;
  removeAll = () => setUp.close();
  await writePairs(join(folder, 'incoming'), 2, 1);
  await setUp.client.projects.create({ path: join(folder, 'project'), name: 'x', labels: testLabels });
  const { added } = await setUp.client.library.import({ sources: [join(folder, 'incoming')] });
  await setUp.client.projects.close();

  const windows = new Windows({
    write: () => undefined,
    error: (call, error) => {
      internal.push(
        `${call}: ${error instanceof Error ? `${error.message} ${error instanceof StudioError ? String(error.detail) : ''} ${error.stack ?? ''}` : String(error)}`,
      );
    },
  });
  studio = createStudio({
    folders: appFolders(process.platform, { LOGONET_DATA: join(folder, 'data2') }),
    publish: windows.publish,
    log: { write: () => undefined, error: () => undefined },
    host: { kind: 'web', version: '0', quit: () => undefined },
  });
  windows.handlers = studio.handlers;
  services = memoryClient(windows.connect) as unknown as typeof services;
  mkdirSync(join(folder, 'odd'));
  writeFileSync(join(folder, 'odd', 'broken.nii.gz'), Buffer.from([31, 139, 8, 0, 1, 2, 3]));
  strings = [
    ...added,
    'nobody',
    'nifti',
    'csv',
    'auto',
    'cpu',
    join(folder, 'project'),
    join(folder, 'odd'),
    join(folder, 'incoming'),
    join(folder, 'new'),
    'relative/path',
    'Liver',
    '2026-01-01T00:00:00.000Z',
    '#123456',
  ];
  await services['projects']?.['open']?.({ path: join(folder, 'project') }, {});
});
afterAll(async () => {
  process.off('warning', onWarning);
  await studio.close();
  await removeAll();
});

describe('random calls', () => {
  it(`${String(calls)} of them (seed ${String(seed)}) crash nothing, and every error is typed`, async () => {
    const random = new Random(seed);
    const methods = Object.entries<ServiceDefinition>(contract).flatMap(([service, { methods }]) =>
      Object.entries(methods).map(([method, { input }]) => ({ service, method, input })),
    );
    const answers = new Map<string, number>();
    const wrong: string[] = [];
    for (let i = 0; i < calls; i++) {
      const { service, method, input } = methods[random.integer(methods.length)] as (typeof methods)[number];
      const value = randomInput(input, random, { strings }, [0, 0.1, 0.4][random.integer(3)] ?? 0);
      const controller = new AbortController();
      // Making the demo project and trying devices take long: here they are only begun.
      const timer = setTimeout(
        () => {
          controller.abort();
        },
        method === 'demo' || service === 'devices' ? 5 : 3000,
      );
      try {
        await inTime(
          services[service]?.[method]?.(value, { signal: controller.signal }),
          `${service}.${method} ${JSON.stringify(value).slice(0, 300)}`,
        );
        answers.set('answered', (answers.get('answered') ?? 0) + 1);
      } catch (error) {
        const code = error instanceof StudioError ? error.code : 'untyped';
        answers.set(code, (answers.get(code) ?? 0) + 1);
        if (!(errorCode.options as readonly string[]).includes(code)) wrong.push(`${service}.${method}: ${String(error)}`);
      } finally {
        clearTimeout(timer);
      }
      if (i % 100 === 99) await services['projects']?.['open']?.({ path: join(folder, 'project') }, {});
    }
    expect(wrong).toEqual([]);
    expect(internal).toEqual([]);
    expect(warnings).toEqual([]);
    // A path that depends on where the program was started is refused.
    expect(strings.filter((name) => !isAbsolute(name) && existsSync(name))).toEqual([]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    // The mixture reaches handlers as well as the validation before them.
    expect(answers.get('answered')).toBeGreaterThan(calls / 20);
    expect(answers.get('invalid-argument')).toBeGreaterThan(calls / 10);
    await services['projects']?.['open']?.({ path: join(folder, 'project') }, {});
    expect(await services['library']?.['list']?.({}, {})).toMatchObject({ total: expect.any(Number) as number });
  }, 1_800_000);
});

/** A call that neither ends nor heeds its cancellation is a failure of its own; a job that does not stop is ended after half a minute. */
async function inTime(call: Promise<unknown> | undefined, name: string): Promise<void> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    limit.reject(new Error(`${name} never ended`));
  }, 300_000);
  try {
    await Promise.race([call, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
