import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { silentLog } from '#shared/base/log.ts';
import { findCommand, parseArguments } from '#main/cli/arguments.ts';
import { commands } from '#main/cli/commands/index.ts';
import type { Command } from '#main/cli/command.ts';
import { logonet, writePhantoms } from '../../support/commandLine.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'train-moved-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** Runs a command in this process and interrupts it when the training has reported so many steps. */
async function interrupted(args: readonly string[], steps: number): Promise<unknown> {
  const { command, rest } = findCommand(commands, args);
  const { options, positionals } = parseArguments(command, rest);
  const cancellation = { aborted: false };
  let reported = 0;
  return command
    .run({
      options: options as Parameters<Command['run']>[0]['options'],
      positionals,
      cancellation,
      log: silentLog,
      note: () => undefined,
      report: ({ phase }) => {
        if (phase === 'Training' && ++reported === steps) cancellation.aborted = true;
      },
    })
    .then(
      () => 'finished',
      (error: unknown) => error,
    );
}

it(
  'a training whose --out folder is moved and whose images are gone is resumed there, to the weights of one that was left alone',
  { timeout: 900_000 },
  async () => {
    const { images, labels } = await writePhantoms(root, [1, 2, 3], 12);
    const train = (out: string): string[] => [
      'train',
      '--images',
      images,
      '--labels',
      labels,
      '--out',
      join(root, out),
      '--variant',
      'tiny',
      '--patch',
      '16x16x32',
      '--threads',
      '1',
      '--steps',
      '8',
      '--seed',
      '5',
      '--validate-every',
      '4',
    ];
    expect(await interrupted(train('whole'), Infinity)).toBe('finished');
    expect(await interrupted(train('before'), 3)).toMatchObject({ code: 'cancelled' });
    expect(readFileSync(join(root, 'before', 'training', 'checkpoint.safetensors')).includes(root)).toBe(false);
    renameSync(join(root, 'before'), join(root, 'after'));
    for (const folder of [images, labels]) renameSync(folder, `${folder}, elsewhere`);
    const { code, stdout, stderr } = await logonet(['train', '--out', join(root, 'after'), '--resume', '--json']);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('logonet:') as string]);
    expect(JSON.parse(stdout)).toMatchObject({ steps: 8, model: join(root, 'after') });
    expect(readFileSync(join(root, 'after', 'weights.safetensors')).equals(readFileSync(join(root, 'whole', 'weights.safetensors')))).toBe(
      true,
    );
  },
);
