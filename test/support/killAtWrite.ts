/** Preloaded: ends this process by SIGKILL at the KILL_AT_WRITE-th rename or removal of a file, before it is done. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const at = Number(process.env['KILL_AT_WRITE'] ?? Infinity);
let count = 0;
const counted =
  <Args extends unknown[], Result>(work: (...args: Args) => Result): ((...args: Args) => Result) =>
  (...args) => {
    count++;
    if (count === at) process.kill(process.pid, 'SIGKILL');
    return work(...args);
  };
const promises = fs.promises as unknown as Record<string, (...args: unknown[]) => unknown>;
const plain = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
for (const name of ['rename', 'rm']) promises[name] = counted(promises[name]?.bind(promises) ?? (() => undefined));
for (const name of ['renameSync', 'rmSync']) plain[name] = counted(plain[name]?.bind(plain) ?? (() => undefined));
syncBuiltinESMExports();
