import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { CheckpointStore } from '../checkpoint.ts';

/** Checkpoints as files of a folder. */
export function fileStore(folder: string): CheckpointStore {
  const file = (name: string): string => join(folder, `${name}.safetensors`);
  return {
    load: (name) => readFile(file(name)).catch(() => undefined),
    save: (name, bytes) => writeFileAtomically(file(name), bytes),
  };
}
