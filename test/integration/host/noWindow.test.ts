import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { connectClient, enter, launchWebHost } from '#test/support/webHost.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-no-window-'));
writeFileSync(join(folder, 'index.html'), '<!doctype html>');
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('says its address when the browser ends without a window, as without a display', async () => {
  // A program that does not know a browser's options: it ends at once.
  const host = await launchWebHost({ rendererFolder: folder, browser: process.execPath });
  try {
    const { client, socket } = await connectClient(host.origin, await enter(host.address));
    expect((await client.app.info()).host).toBe('web');
    socket.close();
  } finally {
    await host.stop();
  }
});
