import { describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import type { Handlers, PartialHandlers } from '#shared/contract/contract.ts';
import { memoryPair } from '#test/support/memoryPair.ts';

const imagesWith = (read: Handlers['images']['read']): PartialHandlers => ({
  images: {
    open: () => {
      throw new StudioError('not-found', 'There is no such case.');
    },
    read,
    close: () => ({}),
  },
});

describe('a connection', () => {
  it('streams items, waits for the window to take them, and ends with the result', async () => {
    let ahead = 0;
    let most = 0;
    const { client } = memoryPair(
      imagesWith(async (_input, { send, report }) => {
        for (let i = 0; i < 50; i++) {
          await send({ offset: 4 * i, bytes: new Uint8Array(4).fill(i) });
          most = Math.max(most, ++ahead);
          report({ phase: 'Reading', fraction: i / 50 });
        }
        return { byteLength: 200 };
      }),
    );
    const seen: number[] = [];
    const fractions: number[] = [];
    const result = await client.images.read(
      { caseId: 'a' },
      {
        onItem: (item) => {
          ahead--;
          seen.push(item.offset, item.bytes[0] ?? -1);
        },
        onProgress: (progress) => {
          fractions.push(progress.fraction);
        },
      },
    );
    expect(result).toEqual({ byteLength: 200 });
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => [4 * i, i]).flat());
    expect(fractions).toHaveLength(50);
    expect(most).toBeLessThanOrEqual(5);
  });

  it('cancels a running call, also one that waits for the window', async () => {
    let ended = '';
    const { client } = memoryPair(
      imagesWith(async (_input, { send, signal }) => {
        try {
          for (;;) await send({ offset: 0, bytes: new Uint8Array(1) });
        } finally {
          ended = signal.aborted ? 'aborted' : 'running';
        }
      }),
    );
    const controller = new AbortController();
    const call = client.images.read(
      { caseId: 'a' },
      {
        signal: controller.signal,
        onItem: () => {
          controller.abort();
        },
      },
    );
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(ended).toBe('aborted');
  });

  it('ends a call whose items the window cannot take, on both sides', async () => {
    const ended = Promise.withResolvers<boolean>();
    const { client } = memoryPair(
      imagesWith(async (_input, { send, signal }) => {
        try {
          for (;;) await send({ offset: 0, bytes: new Uint8Array(1) });
        } finally {
          ended.resolve(signal.aborted);
        }
      }),
    );
    const full = new RangeError('no room for it');
    const call = client.images.read(
      { caseId: 'a' },
      {
        onItem: () => {
          throw full;
        },
      },
    );
    await expect(call).rejects.toBe(full);
    expect(await ended.promise).toBe(true);
    await expect(client.images.open({ caseId: 'a' })).rejects.toMatchObject({ code: 'not-found' }); // the connection goes on
  });

  it('publishes an event that is not valid to nobody, and lets the publisher go on', async () => {
    const { client, connection, internalErrors } = memoryPair({});
    const told: string[] = [];
    client.on('app.command', ({ command }) => {
      told.push(command);
    });
    connection.publish('app.command', { command: 7 as never });
    connection.publish('app.command', { command: 'edit.undo' });
    await expect(client.app.info()).rejects.toMatchObject({ code: 'unsupported' });
    expect(told).toEqual(['edit.undo']);
    expect(internalErrors).toMatchObject([{ code: 'internal' }]);
  });

  it('cancels everything when the window goes away, and tells the window', async () => {
    const ended = Promise.withResolvers<boolean>();
    const pair = memoryPair(
      imagesWith(async (_input, { signal }) => {
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', resolve, { once: true });
        });
        ended.resolve(signal.aborted);
        return { byteLength: 0 };
      }),
    );
    const call = pair.client.images.read({ caseId: 'a' });
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
    pair.disconnect();
    await expect(call).rejects.toMatchObject({ code: 'io' });
    expect(await ended.promise).toBe(true);
    await expect(pair.client.images.close({ caseId: 'a' })).rejects.toMatchObject({ code: 'io' });
  });

  it('answers what the handler throws as a typed error, and hides what is internal', async () => {
    const { client, internalErrors } = memoryPair(
      imagesWith(() => {
        throw new TypeError('/home/someone/Smith^John.nii');
      }),
    );
    await expect(client.images.open({ caseId: 'a' })).rejects.toMatchObject({ code: 'not-found', message: 'There is no such case.' });
    await expect(client.images.read({ caseId: 'a' })).rejects.toMatchObject({
      code: 'internal',
      message: 'Something went wrong inside the application.',
    });
    expect(internalErrors).toHaveLength(1);
  });

  it('refuses wrong input before, and a wrong answer after the handler', async () => {
    let called = 0;
    const { client } = memoryPair(
      imagesWith(() => {
        called++;
        return { byteLength: -1 };
      }),
    );
    await expect(client.images.read({ caseId: '../../etc/passwd' })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(client.images.read({ caseId: 'a', extra: 1 } as never)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(called).toBe(0);
    await expect(client.images.read({ caseId: 'a' })).rejects.toMatchObject({ code: 'internal' });
    expect(called).toBe(1);
  });

  it('fills in defaults and delivers events', async () => {
    let limit = 0;
    const { client, connection } = memoryPair({
      problems: {
        list: (input) => {
          limit = input.limit;
          return { total: 0, problems: [] };
        },
        dismiss: () => ({}),
      },
    });
    await client.problems.list();
    expect(limit).toBe(200);
    const told: string[] = [];
    const stop = client.on('app.command', ({ command }) => {
      told.push(command);
    });
    connection.publish('app.command', { command: 'undo' });
    await Promise.resolve();
    stop();
    connection.publish('app.command', { command: 'redo' });
    await Promise.resolve();
    expect(told).toEqual(['undo']);
  });

  it('settles also a call that is refused before it is read', async () => {
    const { client } = memoryPair({});
    const deep = JSON.parse(`${'['.repeat(60)}${']'.repeat(60)}`) as never;
    for (const input of [
      deep,
      { $bytes: 1 },
      JSON.parse('{"__proto__":1}'),
      new Array(500_000).fill(0),
      new Array(2000).fill('x'.repeat(5000)),
      new Array(300).fill(new Uint8Array(1)),
    ]) {
      await expect(client.library.list(input as never)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    // What only inherits from bytes is none.
    await expect(client.library.list(Object.create(new Uint8Array(3)) as never)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('answers a service that this host does not have as unsupported', async () => {
    await expect(memoryPair({}).client.devices.list()).rejects.toMatchObject({ code: 'unsupported' });
  });
});
