import { rmSync } from 'node:fs';
import { resolve } from 'node:path';

/** What an earlier run has seen and pressed says nothing about this one, unless this one goes on with it. */
export default function begin(): void {
  if (process.env['LOGONET_CENSUS'] === 'again') return;
  rmSync(resolve(import.meta.dirname, '../../../test-results/census'), { recursive: true, force: true });
}
