import { join } from 'node:path';
import type { Handlers, Publish } from '#shared/contract/contract.ts';
import type { AppFolders } from './appFolders.ts';
import { appService, type HostAbilities } from './appService.ts';
import { filesService } from './filesService.ts';
import type { Log } from './log.ts';
import { RunMarker } from './runMarker.ts';
import { SettingsKeeper, settingsService } from './settingsService.ts';

export interface StudioOptions {
  readonly folders: AppFolders;
  readonly host: HostAbilities;
  readonly publish: Publish;
  readonly log: Log;
}

/** Everything beneath a window: both hosts serve `handlers`. */
export interface Studio {
  readonly handlers: Partial<Handlers>;
  /** Saves, leaves running jobs at a checkpoint and releases the project. */
  close(): Promise<void>;
}

export function createStudio({ folders, host, publish, log }: StudioOptions): Studio {
  const marker = new RunMarker(join(folders.data, 'running.json'));
  const settings = new SettingsKeeper(folders.data);
  return {
    handlers: {
      app: appService(host, marker, log),
      settings: settingsService(settings, publish),
      files: filesService(host),
    },
    close: () => {
      marker.clear();
      return Promise.resolve();
    },
  };
}
