/**
 * Loaded before a command (node --import): its process kills itself (-9) at one of its checkpoints, exactly there, which nobody who
 * watches it from outside can promise. KILL_AT says where, as JSON of `KillAt`.
 */
import fs, { statSync, truncateSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export interface KillAt {
  /** The how manyth checkpoint that this process writes, from 1. */
  readonly checkpoint: number;
  /** `writing`: half of it is on disk, under its temporary name. `saved`: it has taken the place of the one before. */
  readonly when: 'writing' | 'saved';
  /** From then on, in milliseconds; a process that ends sooner lives. */
  readonly after?: number;
}

const { checkpoint, when, after = 0 } = JSON.parse(process.env['KILL_AT'] ?? '{}') as KillAt;
const kill = (): void => {
  process.kill(process.pid, 'SIGKILL');
};
const { rename } = fs.promises;
let written = 0;

fs.promises.rename = async (from, to) => {
  const isIt = String(to).endsWith('checkpoint.safetensors') && ++written === checkpoint;
  if (isIt && when === 'writing') {
    truncateSync(from, statSync(from).size >> 1);
    kill();
  }
  await rename(from, to);
  if (!isIt) return;
  if (after === 0) kill();
  else setTimeout(kill, after).unref();
};
syncBuiltinESMExports();
