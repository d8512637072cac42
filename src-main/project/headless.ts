import { silentLog } from '#shared/base/log.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { appFolders } from './appFolders.ts';
import type { ProjectSession } from './session.ts';
import { SettingsKeeper } from './settingsKeeper.ts';
import { Workbench } from './workbench.ts';

export interface HeadlessOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
}

/** A workbench for a command: no window, and jobs wait. */
export function headlessWorkbench(): Workbench {
  return new Workbench({
    publish: () => undefined,
    log: silentLog,
    settings: new SettingsKeeper(appFolders().data),
    devices: { chosen: 'cpu' },
    runsJobs: false,
  });
}

/** Opens a project for one piece of work, and closes it again. Throws `conflict` where it is open elsewhere. */
export async function withProject<T>(folder: string, work: (session: ProjectSession) => Promise<T>): Promise<T> {
  const workbench = headlessWorkbench();
  const session = await workbench.open(folder);
  try {
    return await work(session);
  } finally {
    await workbench.close();
  }
}
