import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { connectClient, enter, launchWebHost } from '#test/support/webHost.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-instance-'));
writeFileSync(join(folder, 'index.html'), '<!doctype html>');
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const ended = async (process: ChildProcess): Promise<void> => {
  if (process.exitCode === null && process.signalCode === null) await once(process, 'exit');
};

it('a second start leads to the program that runs already, and only for who may read its file', async () => {
  const dataFolder = join(folder, 'data');
  const start = () => launchWebHost({ rendererFolder: folder, dataFolder });
  const first = await start();
  try {
    const second = await start();
    expect(second.origin).toBe(first.origin);
    await ended(second.process);
    expect(second.process.exitCode).toBe(0);
    const { client, socket } = await connectClient(first.origin, await enter(second.address));
    expect((await client.app.info()).host).toBe('web');
    socket.close();

    const file = join(dataFolder, 'web-host.json');
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o077).toBe(0);
    const { key } = JSON.parse(readFileSync(file, 'utf8')) as { key: string };
    for (const authorization of ['', 'Bearer', `Bearer ${key}x`, key, `bearer ${key}`]) {
      await expect(fetch(`${first.origin}/another`, { headers: { authorization } })).rejects.toThrow();
    }
    await expect(fetch(`${first.origin}/another`, { headers: { authorization: `Bearer ${key}`, origin: first.origin } })).rejects.toThrow();
  } finally {
    await first.stop();
  }
  // Nobody is there any more: the next start is a program of its own.
  const third = await start();
  const { client, socket } = await connectClient(third.origin, await enter(third.address));
  expect((await client.app.info()).host).toBe('web');
  expect(third.process.exitCode).toBeNull();
  socket.close();
  await third.stop();
});
