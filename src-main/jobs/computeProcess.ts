import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Disposable } from '#shared/base/disposable.ts';
import { HEARTBEAT_DESCRIPTOR, watchHeartbeat } from './heartbeat.ts';
import { ownNode } from './ownNode.ts';
import { parseFromCompute } from './protocol.ts';
import type { FromCompute, ToCompute } from './protocol.ts';

export interface ComputeOptions {
  /** The module that the child runs; it calls `serve`. */
  readonly entry?: string;
  /** No heartbeat for so long: the process is ended. */
  readonly silentSeconds?: number;
  /** One turn of its event loop for so long (at most 255): the process is ended. */
  readonly stuckSeconds?: number;
}

export interface ComputeEvents {
  readonly message: (message: FromCompute) => void;
  /** No sign of life for a second; it may come back. */
  readonly silent: () => void;
  readonly back: () => void;
  /** Gone without having been asked to. `reason` is a sentence for a person, `detail` for the log. */
  readonly crashed: (reason: string, detail: string) => void;
}

const STDERR_KEPT = 8192;

/** One compute child process: started at once, watched by heartbeat, ended by `dispose`. */
export class ComputeProcess implements Disposable {
  readonly #child: ChildProcess;
  readonly #heartbeat: Disposable;
  readonly #events: ComputeEvents;
  #errors = '';
  #ended: string | null = null;
  #over = false;

  constructor(events: ComputeEvents, options: ComputeOptions = {}) {
    this.#events = events;
    this.#child = fork(options.entry ?? join(import.meta.dirname, 'main.ts'), [], {
      execPath: ownNode(),
      execArgv: [],
      env: environment(),
      serialization: 'json',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
    });
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      this.#errors = (this.#errors + bytes.toString('utf8')).slice(-STDERR_KEPT);
    });
    this.#child.on('message', (raw) => {
      events.message(parseFromCompute(raw));
    });
    this.#child.on('error', (error) => {
      this.#gone(`It could not be started.`, String(error));
    });
    this.#child.on('exit', (code, signal) => {
      this.#gone(this.#ended ?? (signal === null ? `It ended with code ${String(code)}.` : `It was ended by ${signal}.`), this.#errors);
    });
    const pipe = this.#child.stdio[HEARTBEAT_DESCRIPTOR];
    this.#heartbeat =
      pipe instanceof Readable
        ? watchHeartbeat(
            pipe,
            {
              silent: events.silent,
              back: events.back,
              dead: (reason) => {
                this.kill(reason === 'silent' ? 'It no longer answered.' : 'One step took too long.');
              },
            },
            { silentSeconds: options.silentSeconds ?? 60, stuckSeconds: options.stuckSeconds ?? 240 },
          )
        : { dispose: () => undefined };
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToCompute): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Ends it as a crash does. */
  kill(reason: string): void {
    this.#ended ??= reason;
    this.#child.kill('SIGKILL');
  }

  /** Lets it leave its checkpoints; what has not gone after `graceMs` is killed. */
  async close(graceMs = 10_000): Promise<void> {
    this.#over = true;
    this.#heartbeat.dispose();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const exited = new Promise<void>((resolve) => {
      this.#child.once('exit', () => {
        resolve();
      });
    });
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL');
    }, graceMs);
    await exited;
    clearTimeout(timer);
  }

  dispose(): void {
    void this.close(0);
  }

  #gone(reason: string, detail: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#heartbeat.dispose();
    this.#events.crashed(reason, detail);
  }
}

/** The parent's environment without what would change how the child's Node starts. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, ELECTRON_RUN_AS_NODE: _electron, NODE_CHANNEL_FD: _channel, ...rest } = process.env;
  return rest;
}
