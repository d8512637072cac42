import { StudioError } from '#shared/base/errors.ts';
import type { ServiceHandlers } from '#shared/contract/contract.ts';
import type { Log } from '#shared/base/log.ts';
import type { RunMarker } from '#main/project/runMarker.ts';

/** What the host is and offers beyond the services. */
export interface HostAbilities {
  readonly kind: 'electron' | 'web';
  readonly version: string;
  /** The system's file dialogs, where there are any. Null when the person cancelled. */
  readonly pick?: (kind: 'folder' | 'files' | 'newFolder', title: string) => Promise<readonly string[] | null>;
  /** Asks the host to end the program, once the services have saved. */
  readonly quit: () => void;
  /** Whether a window crashed since this was last asked. */
  readonly takeLostWindow?: () => boolean;
}

const lostWindow = {
  severity: 'warning' as const,
  message:
    'The window crashed and was reopened. What the history panel showed as saved is there, with its undo steps; work in the background went on. If it happens again, update the graphics driver.',
};

export function appService(
  host: HostAbilities,
  marker: RunMarker,
  log: Log,
  present: () => void = () => undefined,
  platform = process.platform,
): ServiceHandlers<'app'> {
  return {
    info: () => ({
      name: 'LoGoNet Studio',
      version: host.version,
      host: host.kind,
      platform: platform === 'win32' ? 'windows' : platform === 'darwin' ? 'macos' : platform === 'linux' ? 'linux' : 'other',
      nativeDialogs: host.pick !== undefined,
      crash:
        marker.crashedAt === null
          ? null
          : {
              at: marker.crashedAt,
              message:
                'LoGoNet Studio did not end properly the last time. Everything that was saved is there; opening the project brings back unsaved strokes, and interrupted training can be resumed.',
            },
      notices: host.takeLostWindow?.() === true ? [lostWindow] : [],
    }),
    acknowledgeCrash: () => {
      marker.crashedAt = null;
      return {};
    },
    reportError: ({ stack }) => {
      const error = new StudioError('internal', 'window');
      error.stack = stack;
      log.error('window error', error);
      return {};
    },
    present: () => {
      present();
      return {};
    },
    shutdown: () => {
      setTimeout(host.quit, 50); // the answer goes first
      return {};
    },
  };
}
