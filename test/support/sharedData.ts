import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Real images beside the repository; absent on most machines, so that tests which use them are reported as skipped there. */
export const sharedData = resolve(import.meta.dirname, '../../../shared/data');

export function hasSharedData(...parts: string[]): boolean {
  return existsSync(join(sharedData, ...parts));
}
