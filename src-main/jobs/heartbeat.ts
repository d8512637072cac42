/**
 * Is the compute process alive? Its IPC channel cannot tell: a training step may hold its event loop for seconds. A thread of its own
 * therefore writes a byte to a pipe four times a second: the age, in seconds, of the event loop's last turn. No byte for a second
 * means that the process is gone or stopped; a high age means that one step takes that long.
 */
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { Disposable } from '#shared/base/disposable.ts';

/** File descriptor of the pipe in the child. */
export const HEARTBEAT_DESCRIPTOR = 4;
const INTERVAL_MS = 250;
/** A beat is overdue after this; with the check's own interval a silence is noticed within one second. */
const SILENCE_MS = 800;
/** Before the first beat: a busy machine takes seconds to start a process, which is no silence to speak of. */
const STARTING_MS = 5000;
const CHECK_MS = 100;

// Source text rather than a file: it survives bundling, and the thread needs no loader.
const threadSource = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const lastTurn = new BigInt64Array(workerData.shared);
let failures = 0;
setInterval(() => {
  const age = Number(process.hrtime.bigint() - Atomics.load(lastTurn, 0)) / 1e9;
  try {
    writeSync(workerData.descriptor, Uint8Array.of(Math.max(0, Math.min(255, Math.floor(age)))));
    failures = 0;
  } catch (error) {
    // The other end is gone: the app died. The event loop has had its chance to leave a checkpoint.
    if (error.code !== 'EAGAIN' && ++failures > workerData.patience) process.kill(process.pid, 'SIGKILL');
  }
}, workerData.interval);
`;

/** Child side. `orphanSeconds`: how long after the app's death the process may take to save what it has. */
export function startHeartbeat(orphanSeconds = 10): Disposable {
  const shared = new SharedArrayBuffer(8);
  const lastTurn = new BigInt64Array(shared);
  const turn = (): void => {
    Atomics.store(lastTurn, 0, process.hrtime.bigint());
  };
  turn();
  const timer = setInterval(turn, INTERVAL_MS);
  const thread = new Worker(threadSource, {
    eval: true,
    workerData: { shared, descriptor: HEARTBEAT_DESCRIPTOR, interval: INTERVAL_MS, patience: (orphanSeconds * 1000) / INTERVAL_MS },
  });
  thread.unref();
  return {
    dispose() {
      clearInterval(timer);
      void thread.terminate();
    },
  };
}

export interface HeartbeatEvents {
  /** No beat for a second. */
  readonly silent: () => void;
  /** Beats again after a silence. */
  readonly back: () => void;
  /** Silent, or one turn of the event loop, for so long that the process should be ended. */
  readonly dead: (reason: 'silent' | 'stuck') => void;
}

export interface HeartbeatLimits {
  readonly silentSeconds: number;
  readonly stuckSeconds: number;
}

/** Parent side: watches the pipe until disposed. */
export function watchHeartbeat(pipe: Readable, events: HeartbeatEvents, limits: HeartbeatLimits): Disposable {
  let last = performance.now();
  let lastCheck = last;
  let stuck = 0;
  let silent = false;
  let began = false;
  const onData = (bytes: Buffer): void => {
    last = performance.now();
    stuck = bytes.at(-1) ?? 0;
    began = true;
    if (silent) events.back();
    silent = false;
  };
  pipe.on('data', onData);
  pipe.on('error', () => undefined);
  const timer = setInterval(() => {
    const now = performance.now();
    // This process itself was held up (sleep, a long turn): the beats may still be in the pipe.
    if (now - lastCheck > CHECK_MS * 4) last += now - lastCheck;
    lastCheck = now;
    const silence = now - last;
    if (silence > (began ? SILENCE_MS : STARTING_MS) && !silent) {
      silent = true;
      events.silent();
    }
    if (silence > limits.silentSeconds * 1000) events.dead('silent');
    else if (stuck >= Math.min(255, limits.stuckSeconds)) events.dead('stuck');
  }, CHECK_MS);
  timer.unref();
  return {
    dispose() {
      clearInterval(timer);
      pipe.off('data', onData);
    },
  };
}
