import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder for what is the person's or the computer's but belongs to no project: the platform's one, or the one that LOGONET_DATA names. */
export function applicationData(platform = process.platform, environment = process.env, home = homedir()): string {
  const named = environment['LOGONET_DATA'];
  if (named !== undefined) return named;
  if (platform === 'win32') return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'LoGoNet Studio');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'LoGoNet Studio');
  return join(environment['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'logonet-studio');
}
