import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface Locations {
  /** Folder of the renderer's build. */
  readonly renderer: string;
  readonly preload: string;
  /** Entry of the services' process: outside the archive, since plain Node cannot read into it. */
  readonly services: string;
  /** The Node that the services and the compute process run on. */
  readonly node: string;
}

/** Where things are, from Electron's `app.getAppPath()`, in a checkout and in an installed app. */
export function locate(appPath: string, resourcesPath: string, platform = process.platform, environment = process.env): Locations {
  const plain = appPath.endsWith('.asar') ? `${appPath}.unpacked` : appPath;
  const name = platform === 'win32' ? 'node.exe' : 'node';
  const candidates = [environment['LOGONET_NODE'], join(resourcesPath, 'node', name), join(appPath, 'node_modules', 'node', 'bin', name)];
  return {
    renderer: join(appPath, 'dist', 'renderer'),
    preload: join(appPath, 'dist', 'main', 'preload.cjs'),
    services: join(plain, 'src-main', 'host', 'process', 'main.ts'),
    node: candidates.find((path) => path !== undefined && existsSync(path)) ?? join(resourcesPath, 'node', name),
  };
}

/** The project folder, or packed project, that a command line asks for (double click on a project, second start): its last argument, if it is no option. */
export function projectOf(args: readonly string[]): string | null {
  const last = args.slice(1).at(-1);
  if (last === undefined || last.startsWith('-') || last === '.') return null;
  const folder = last.replace(/[\\/][^\\/]+$/, '');
  // `Open.logonet` stands in a project and means it; any other file of that ending is a packed one.
  if (/\.logonet$/i.test(last)) return existsSync(join(folder, 'project.json')) || !existsSync(last) ? folder : last;
  return last.replace(/[\\/]project\.json$/, '');
}
