import { rmSync } from 'node:fs';
import { resolve } from 'node:path';

/** What an earlier run has seen and pressed says nothing about this one. */
export default function begin(): void {
  rmSync(resolve(import.meta.dirname, '../../../test-results/census'), { recursive: true, force: true });
}
