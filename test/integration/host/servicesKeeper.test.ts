import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ServicesKeeper } from '#main/host/electron/servicesKeeper.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-keeper-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A program that notes each of its starts in `starts`. */
function program(name: string, body: string): { entry: string; starts: () => number } {
  const entry = join(folder, `${name}.mjs`);
  const starts = join(folder, `${name}.starts`);
  writeFileSync(starts, '');
  writeFileSync(entry, `import { appendFileSync } from 'node:fs';\nappendFileSync(${JSON.stringify(starts)}, 'x');\n${body}`);
  return { entry, starts: () => readFileSync(starts, 'utf8').length };
}

/** Keeps it until it gives up or `atMost` restarts are made; resolves with the reason, or null. */
async function keep(entry: string, limits: { delaysMs: number[]; soundAfterMs: number }, atMost = Infinity) {
  const ended = Promise.withResolvers<string | null>();
  let restarts = 0;
  const keeper = new ServicesKeeper(
    process.execPath,
    entry,
    {
      frame: () => undefined,
      control: () => undefined,
      lost: () => undefined,
      restarted: () => {
        if (++restarts >= atMost) ended.resolve(null);
      },
      gaveUp: ended.resolve,
    },
    limits,
  );
  keeper.start();
  const reason = await ended.promise;
  return { keeper, reason, restarts: () => restarts };
}

describe('the services', () => {
  it('that end whenever they are started are given up, with the reason', async () => {
    const { entry, starts } = program('missing', "await import('a-native-module-that-is-not-there');");
    const { keeper, reason, restarts } = await keep(entry, { delaysMs: [0, 1, 1], soundAfterMs: Infinity });
    expect(reason).toContain('ended with code 1');
    expect(reason).toContain('a-native-module-that-is-not-there');
    expect([restarts(), starts()]).toEqual([3, 4]);
    expect(keeper.current).toBeNull();
    await keeper.close();
  });

  it('that cannot be started at all are given up, too', async () => {
    const { reason } = await keep(join(folder, 'nowhere.mjs'), { delaysMs: [], soundAfterMs: Infinity });
    expect(reason).toContain('nowhere.mjs');
  });

  it('that were in order in between are started again however often', async () => {
    const { entry } = program('sound', "process.kill(process.pid, 'SIGKILL');");
    const { keeper, reason, restarts } = await keep(entry, { delaysMs: [0], soundAfterMs: 0 }, 5);
    expect([reason, restarts()]).toEqual([null, 5]);
    await keeper.close();
  });

  it('are not started again once they are closed', async () => {
    const { entry, starts } = program(
      'closed',
      "process.on('disconnect', () => process.exit(0)); process.on('message', () => process.exit(0));",
    );
    const keeper = new ServicesKeeper(process.execPath, entry, {
      frame: () => undefined,
      control: () => undefined,
      lost: () => {
        throw new Error('lost');
      },
      restarted: () => undefined,
      gaveUp: () => undefined,
    });
    keeper.start();
    await keeper.close();
    expect(starts()).toBe(1);
  });
});
