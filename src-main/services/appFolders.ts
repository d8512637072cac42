import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the program keeps what is the person's but belongs to no project: settings, recent projects, logs, the demo project. */
export interface AppFolders {
  readonly data: string;
  readonly logs: string;
  readonly demo: string;
  /** Profile of the app window that the web host opens. */
  readonly browserProfile: string;
}

/** The platform's folder for it; LOGONET_DATA names another one. */
export function appFolders(platform = process.platform, environment = process.env, home = homedir()): AppFolders {
  const data = environment['LOGONET_DATA'] ?? platformFolder(platform, environment, home);
  return { data, logs: join(data, 'logs'), demo: join(data, 'demo'), browserProfile: join(data, 'window') };
}

function platformFolder(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv, home: string): string {
  if (platform === 'win32') return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'LoGoNet Studio');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'LoGoNet Studio');
  return join(environment['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'logonet-studio');
}
