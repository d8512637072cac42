import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { quoted } from './quoted.ts';
import { isSignal, type Scheduler, type Standing } from './scheduler.ts';

/**
 * Any command line that runs a worker: `ssh gpu1 logonet worker`, or a script that copies the folder there and back. The job's folder takes the
 * place of `{job}`, or comes last. It lives as long as this program does; SIGTERM reaches it when the job is stopped.
 */
export function commandLine(command: string): Scheduler {
  const children = new Map<string, { readonly child: ChildProcess; standing: Standing }>();
  return {
    name: command,
    outlivesUs: false,
    submit(folder) {
      const words = command.includes('{job}') ? command.replaceAll('{job}', quoted(folder)) : `${command} ${quoted(folder)}`;
      const log = createWriteStream(join(folder, 'command.log'), { flags: 'a' });
      // A group of its own, so that a signal reaches whatever the shell has started, and a terminal's Ctrl-C does not.
      const child = spawn(words, { shell: true, detached: process.platform !== 'win32', stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      const id = String(child.pid ?? 0);
      const entry: { readonly child: ChildProcess; standing: Standing } = { child, standing: { state: 'running', place: '' } };
      children.set(id, entry);
      child.on('error', () => {
        entry.standing = { state: 'ended', cause: 'exit', exitCode: 127 };
      });
      child.on('close', (code, signal) => {
        log.end();
        entry.standing =
          signal !== null || isSignal(code ?? 0)
            ? { state: 'ended', cause: 'killed', exitCode: null }
            : { state: 'ended', cause: 'exit', exitCode: code };
      });
      return Promise.resolve(id);
    },
    look: (id) => Promise.resolve(children.get(id)?.standing ?? { state: 'ended', cause: 'lost', exitCode: null }),
    stop(id) {
      const child = children.get(id)?.child;
      try {
        if (child?.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, 'SIGTERM');
        else child?.kill('SIGTERM');
      } catch {
        // It has ended.
      }
      return Promise.resolve();
    },
  };
}
