import { join } from 'node:path';
import type { PartialHandlers, Publish } from '#shared/contract/contract.ts';
import type { AppFolders } from '#main/project/appFolders.ts';
import { appService, type HostAbilities } from './appService.ts';
import { DeviceList } from '#main/project/deviceList.ts';
import { devicesService } from './devicesService.ts';
import { diskService } from './diskService.ts';
import { documentService } from './documentService.ts';
import { exportsService } from './exportsService.ts';
import { filesService } from './filesService.ts';
import { historyService } from './historyService.ts';
import { imagesService } from './imagesService.ts';
import { jobsService } from './jobsService.ts';
import { libraryService } from './libraryService.ts';
import type { Log } from '#shared/base/log.ts';
import { measurementsService } from './measurementsService.ts';
import { modelsService } from './modelsService.ts';
import { predictionsService } from './predictionsService.ts';
import { problemsService } from './problemsService.ts';
import { projectsService } from './projectsService.ts';
import { promptsService } from './promptsService.ts';
import { refuseChanges } from './refuseChanges.ts';
import { RecentProjects } from '#main/project/recentProjects.ts';
import { RunMarker } from '#main/project/runMarker.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import { scansService } from './scansService.ts';
import { settingsService } from './settingsService.ts';
import { Workbench } from '#main/project/workbench.ts';

export { appFolders } from '#main/project/appFolders.ts';
export { findInstallation } from '#main/files/installation.ts';

export interface StudioOptions {
  readonly folders: AppFolders;
  readonly host: HostAbilities;
  readonly publish: Publish;
  readonly log: Log;
  /** False where a project is opened for a moment: its model is not improved by itself meanwhile. */
  readonly nights?: boolean;
}

/** Everything beneath a window: both hosts serve `handlers`. */
export interface Studio {
  readonly handlers: PartialHandlers;
  /** Saves, leaves running jobs at a checkpoint and releases the project. */
  close(): Promise<void>;
}

export function createStudio({ folders, host, publish, log, nights = true }: StudioOptions): Studio {
  const marker = new RunMarker(join(folders.data, 'running.json'));
  const settings = new SettingsKeeper(folders.data);
  const recent = new RecentProjects(folders.data);
  const devices = new DeviceList(folders.data, settings);
  const workbench = new Workbench({ publish, log, settings, recent, devices, nights });
  return {
    handlers: refuseChanges(
      {
        app: appService(host, marker, log, () => workbench.current?.night.present()),
        projects: projectsService(workbench, recent, folders.demo, publish),
        library: libraryService(workbench, settings, publish),
        images: imagesService(workbench, publish),
        document: documentService(workbench),
        jobs: jobsService(workbench, settings),
        models: modelsService(workbench, folders.data, publish),
        predictions: predictionsService(workbench),
        prompts: promptsService(workbench, folders.data, publish),
        exports: exportsService(workbench, folders.data),
        problems: problemsService(workbench),
        devices: devicesService(devices, publish),
        settings: settingsService(settings, publish),
        files: filesService(host),
        history: historyService(workbench, publish),
        disk: diskService(workbench),
        measurements: measurementsService(workbench),
        scans: scansService(workbench, publish),
      },
      workbench,
    ),
    close: async () => {
      await workbench.close();
      marker.clear();
    },
  };
}
