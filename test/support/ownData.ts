import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For a whole run of tests: what belongs to the computer (who is who, tuning, kept models) lies in a folder of the run's own, never in the person's. */
export default function ownData(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'logonet-data-'));
  const before = process.env['LOGONET_DATA'];
  process.env['LOGONET_DATA'] = folder;
  return () => {
    if (before === undefined) delete process.env['LOGONET_DATA'];
    else process.env['LOGONET_DATA'] = before;
    rmSync(folder, { recursive: true, force: true });
  };
}
