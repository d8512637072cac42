import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import * as v from 'valibot';
import { encodeStreamHeader, StreamDecoder } from '../frameStream.ts';
import { toElectron, type ToElectron, type ToServices } from '../process/control.ts';

export interface ServicesEvents {
  readonly frame: (frame: Buffer) => void;
  readonly control: (message: ToElectron) => void;
  /** It ended without having been asked to; what it said last, for a person to pass on. */
  readonly gone: (reason: string) => void;
}

/** Characters kept of what the process wrote to its standard error. */
const saidAtMost = 2000;

/** The plain Node process with the services, as Electron sees it. */
export class ServicesProcess {
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  #closing = false;
  #said = '';

  constructor(node: string, entry: string, events: ServicesEvents) {
    // 'overlapped' is what Windows needs for a pipe that is read and written at once; elsewhere it means 'pipe'.
    this.#child = spawn(node, [entry], { stdio: ['ignore', 'ignore', 'pipe', 'overlapped', 'ipc'], env: plainEnvironment(process.env) });
    const pipe = this.#child.stdio[3];
    if (!(pipe instanceof Duplex)) throw new Error('no pipe to the services');
    this.#pipe = pipe;
    const decoder = new StreamDecoder();
    pipe.on('data', (piece: Buffer) => {
      for (const message of decoder.push(piece)) if (message.kind === 'frame') events.frame(message.frame);
    });
    pipe.on('error', () => undefined); // its end is seen at 'exit'
    this.#child.on('message', (raw) => {
      events.control(v.parse(toElectron, raw));
    });
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString('utf8')).slice(-saidAtMost);
    });
    const gone = (how: string): void => {
      if (!this.#closing) {
        this.#closing = true;
        events.gone(`${how}\n${this.#said}`.trim());
      }
    };
    // 'close' comes when all that it wrote has been read.
    this.#child.on('close', (code, signal) => {
      gone(signal === null ? `It ended with code ${String(code)}.` : `It was ended by ${signal}.`);
    });
    this.#child.on('error', (error) => {
      gone(`It could not be started: ${error.message}`);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** A window begins; what was running for the one before is cancelled. */
  openWindow(): void {
    this.#pipe.write(encodeStreamHeader('window', 0));
  }

  send(frame: Uint8Array): void {
    this.#pipe.write(encodeStreamHeader('frame', frame.byteLength));
    this.#pipe.write(frame);
  }

  control(message: ToServices): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** Lets it save and leave checkpoints; ends it after `graceMs`. */
  async close(graceMs = 20_000): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const ended = new Promise<void>((resolve) => {
      this.#child.once('exit', () => {
        resolve();
      });
    });
    this.control({ type: 'close' });
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL');
    }, graceMs);
    await ended;
    clearTimeout(timer);
  }
}

/** Without what would change how the child's Node starts. */
export function plainEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, ELECTRON_RUN_AS_NODE: _electron, NODE_CHANNEL_FD: _channel, ...rest } = environment;
  return rest;
}
