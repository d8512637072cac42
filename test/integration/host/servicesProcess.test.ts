import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type Client } from '#shared/contract/client.ts';
import { encodeStreamHeader, StreamDecoder, type StreamMessage } from '#main/host/frameStream.ts';
import { ServicesProcess } from '#main/host/electron/servicesProcess.ts';

const entry = resolve(import.meta.dirname, '../../../src-main/host/process/main.ts');
const data = mkdtempSync(join(tmpdir(), 'logonet-services-'));
const before = process.env['LOGONET_DATA'];
const asked: string[] = [];
let services: ServicesProcess;
const gone = Promise.withResolvers<void>();
let client: Client;

/** What Electron's main does, without Electron. */
beforeAll(() => {
  process.env['LOGONET_DATA'] = data;
  const listeners = new Set<(frame: Uint8Array) => void>();
  services = new ServicesProcess(process.execPath, entry, {
    frame: (frame) => {
      for (const listener of listeners) listener(frame);
    },
    control: (message) => {
      asked.push(message.type);
      if (message.type === 'pick') services.control({ type: 'picked', id: message.id, paths: ['/chosen'] });
    },
    gone: () => {
      gone.resolve();
    },
  });
  services.openWindow();
  client = createClient({
    send: (frame) => {
      services.send(frame);
    },
    onFrame: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    onClose: () => () => undefined,
  });
});
afterAll(async () => {
  await services.close();
  if (before === undefined) delete process.env['LOGONET_DATA'];
  else process.env['LOGONET_DATA'] = before;
  rmSync(data, { recursive: true, force: true });
});

describe('the services beneath Electron', () => {
  it('answer over the pipe and use Electron’s dialogs', async () => {
    expect(await client.app.info()).toMatchObject({ host: 'electron', nativeDialogs: true });
    expect(await client.files.pick({ kind: 'folder', title: 'Open' })).toEqual({ paths: ['/chosen'] });
    expect(asked).toContain('ready');
  });

  it('pass the menu’s commands to the window', async () => {
    const told = new Promise<string>((resolve) => {
      client.on('app.command', ({ command }) => {
        resolve(command);
      });
    });
    services.control({ type: 'command', command: 'edit.undo' });
    expect(await told).toBe('edit.undo');
  });

  it('are missed when they die', async () => {
    process.kill(services.pid ?? 0, 'SIGKILL');
    await gone.promise;
  });
});

describe('the frame stream', () => {
  it('is put together again from any pieces', () => {
    const frames = [new Uint8Array(0), new Uint8Array([1, 2, 3]), new Uint8Array(70_000).fill(7)];
    const stream = Buffer.concat(
      frames.flatMap((frame) => [encodeStreamHeader('frame', frame.length), Buffer.from(frame)]).concat(encodeStreamHeader('window', 0)),
    );
    for (const size of [1, 3, 1000, stream.length]) {
      const decoder = new StreamDecoder();
      const messages: StreamMessage[] = [];
      for (let at = 0; at < stream.length; at += size) messages.push(...decoder.push(stream.subarray(at, at + size)));
      expect(messages.map((message) => (message.kind === 'frame' ? message.frame.length : message.kind))).toEqual([0, 3, 70_000, 'window']);
    }
  });

  it('refuses what is no stream of frames', () => {
    expect(() => [...new StreamDecoder().push(Buffer.from('GET / HTTP/1.1\r\n'))]).toThrow(RangeError);
  });
});
