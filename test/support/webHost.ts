import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { WebSocket } from 'ws';
import { createClient, type Client } from '#shared/contract/client.ts';

const root = resolve(import.meta.dirname, '../..');

export interface RunningWebHost {
  /** Admits one window once. */
  readonly address: string;
  readonly origin: string;
  readonly process: ChildProcess;
  /** LOGONET_DATA of the process. */
  readonly dataFolder: string;
  /** Ends it as Ctrl+C does and removes its data folder. */
  stop(): Promise<void>;
}

/** Starts the real loopback host as a process of its own, with an empty data folder unless one is given, without a browser unless one is given. */
export async function launchWebHost(
  options: {
    rendererFolder?: string;
    dataFolder?: string;
    entry?: string;
    node?: string;
    browser?: string;
    environment?: NodeJS.ProcessEnv;
  } = {},
): Promise<RunningWebHost> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'logonet-data-'));
  const child = spawn(
    options.node ?? process.execPath,
    [
      options.entry ?? join(root, 'src-main/host/web/main.ts'),
      ...(options.browser === undefined ? ['--no-browser'] : []),
      ...(options.rendererFolder === undefined ? [] : ['--renderer', options.rendererFolder]),
    ],
    {
      cwd: root,
      env: {
        ...process.env,
        ...(options.browser !== undefined && { LOGONET_BROWSER: options.browser }),
        ...options.environment,
        LOGONET_DATA: dataFolder,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const address = await new Promise<string>((found, failed) => {
    let said = '';
    const listen = (data: Buffer): void => {
      said += data.toString();
      const match = /http:\/\/127\.0\.0\.1:\d+\/enter\?key=\S+/.exec(said);
      if (match !== null) found(match[0]);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('exit', (code) => {
      failed(new Error(`the host ended with ${String(code)}: ${said}`));
    });
  });
  return {
    address,
    origin: new URL(address).origin,
    process: child,
    dataFolder,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((done) => child.once('exit', done));
        child.kill('SIGTERM');
        await ended;
      }
      if (options.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

/** Exchanges an entry address for the session cookie. */
export async function enter(address: string): Promise<string> {
  const answer = await fetch(address);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

/** A client as the window is one, over a real socket. */
export async function connectClient(origin: string, cookie: string): Promise<{ client: Client; socket: WebSocket }> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/contract`, { origin, headers: { cookie }, perMessageDeflate: false });
  socket.binaryType = 'nodebuffer';
  await new Promise((opened, failed) => {
    socket.once('open', opened);
    socket.once('error', failed);
  });
  const client = createClient({
    send: (frame) => {
      socket.send(frame);
    },
    onFrame: (listener) => {
      socket.on('message', (data: Buffer) => {
        listener(data);
      });
      return () => undefined;
    },
    onClose: (listener) => {
      socket.on('close', listener);
      return () => undefined;
    },
  });
  return { client, socket };
}
