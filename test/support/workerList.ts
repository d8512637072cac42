/** Imported before a program (NODE_OPTIONS=--import=…): writes each worker that it makes, asks to end and loses to the file LOGONET_WORKER_LIST. */
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import type * as WorkerThreads from 'node:worker_threads';

const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof WorkerThreads.Worker };
const list = process.env['LOGONET_WORKER_LIST'];

const note = (what: string, id: number, file: string): void => {
  if (list !== undefined) appendFileSync(list, `${new Date().toISOString()} process ${process.pid}: ${what} ${id} ${file}\n`);
};

class ListedWorker extends threads.Worker {
  readonly #file: string;

  constructor(...given: ConstructorParameters<typeof WorkerThreads.Worker>) {
    super(...given);
    this.#file = basename(String(given[0]).slice(0, 300).split('\n')[0] ?? '');
    const id = this.threadId;
    note('made', id, this.#file);
    this.once('exit', (code) => {
      note(`ended (${code})`, id, this.#file);
    });
  }

  override terminate(): Promise<number> {
    note('terminated', this.threadId, this.#file);
    return super.terminate();
  }
}

threads.Worker = ListedWorker;
syncBuiltinESMExports();
