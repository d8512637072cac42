/** The services beneath Electron's window, in a plain Node process of their own: frames on descriptor 3, control over IPC. */
import { Socket } from 'node:net';
import * as v from 'valibot';
import type { Connection } from '#shared/contract/server.ts';
import { openLog } from '#main/host/logFile.ts';
import { appFolders, createStudio, findInstallation } from '#main/services/studio.ts';
import { encodeStreamHeader, StreamDecoder } from '../frameStream.ts';
import { Windows } from '../windows.ts';
import { toServices, type PickKind, type ToElectron } from './control.ts';

const folders = appFolders();
const log = openLog(folders.logs);
const windows = new Windows(log);
const picks = new Map<number, (paths: readonly string[] | null) => void>();
let nextPick = 1;

const tell = (message: ToElectron): void => {
  process.send?.(message);
};

const studio = createStudio({
  folders,
  log,
  publish: windows.publish,
  host: {
    kind: 'electron',
    version: findInstallation(import.meta.dirname).version,
    quit: () => {
      tell({ type: 'quit' });
    },
    takeLostWindow: windows.takeLost,
    pick: (kind: PickKind, title: string) =>
      new Promise((resolve) => {
        const id = nextPick++;
        picks.set(id, resolve);
        tell({ type: 'pick', id, kind, title });
      }),
  },
});
windows.handlers = studio.handlers;

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const decoder = new StreamDecoder();
let connection: Connection | null = null;
/** A project that was asked for before there was a window to tell: the two channels know no order between them. */
let asked: string | null = null;
pipe.on('data', (piece: Buffer) => {
  for (const message of decoder.push(piece)) {
    if (message.kind === 'frame') connection?.receive(message.frame);
    else {
      connection?.close();
      connection = windows.connect((frame) => {
        pipe.write(encodeStreamHeader('frame', frame.byteLength));
        pipe.write(frame);
      });
      if (asked !== null) windows.publish('app.openRequested', { path: asked });
      asked = null;
    }
  }
});

let closing = false;
const close = async (code: number): Promise<void> => {
  if (closing) return;
  closing = true;
  connection?.close();
  await studio.close().catch((error: unknown) => {
    log.error('close', error);
  });
  process.exit(code);
};
pipe.on('close', () => {
  void close(0);
});
pipe.on('error', () => {
  void close(1);
});
process.on('disconnect', () => {
  void close(0);
});
process.on('uncaughtException', (error) => {
  log.error('uncaught', error);
  void close(1);
});
process.on('message', (raw) => {
  const message = v.parse(toServices, raw);
  switch (message.type) {
    case 'close':
      void close(0);
      break;
    case 'command':
      windows.publish('app.command', { command: message.command });
      break;
    case 'open':
      if (connection === null) asked = message.path;
      else windows.publish('app.openRequested', { path: message.path });
      break;
    case 'windowLost':
      windows.lost();
      break;
    case 'picked':
      picks.get(message.id)?.(message.paths);
      picks.delete(message.id);
      break;
  }
});
log.write('started', { host: 'electron', pid: process.pid });
tell({ type: 'ready' });
