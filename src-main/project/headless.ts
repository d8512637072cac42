import { StudioError } from '#shared/base/errors.ts';
import { silentLog } from '#shared/base/log.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { projectHold } from '#main/library/index.ts';
import { appFolders } from './appFolders.ts';
import type { ProjectSession } from './session.ts';
import { SettingsKeeper } from './settingsKeeper.ts';
import { Workbench } from './workbench.ts';

export interface HeadlessOptions {
  readonly cancellation: Cancellation;
  readonly report: ReportProgress;
  /** Says something to the person at once. */
  readonly note?: (line: string) => void;
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
export function withProject<T>(folder: string, work: (session: ProjectSession) => Promise<T>): Promise<T> {
  return closing(headlessWorkbench(), (workbench) => workbench.open(folder), work);
}

/** As `withProject`, for work that changes nothing: where the project is open elsewhere, beside whoever has it. */
export async function withProjectToRead<T>(
  folder: string,
  note: ((line: string) => void) | undefined,
  work: (session: ProjectSession) => Promise<T>,
): Promise<T> {
  return closing(headlessWorkbench(), (workbench) => openToRead(workbench, folder, note), work);
}

/** `withProjectToRead`, called as `withProject` is. */
export const readingWith =
  ({ note }: Pick<HeadlessOptions, 'note'>) =>
  <T>(folder: string, work: (session: ProjectSession) => Promise<T>): Promise<T> =>
    withProjectToRead(folder, note, work);

async function openToRead(workbench: Workbench, folder: string, note: ((line: string) => void) | undefined): Promise<ProjectSession> {
  try {
    return await workbench.open(folder);
  } catch (error) {
    if (!(error instanceof StudioError && error.code === 'conflict' && projectHold(folder).held)) throw error;
    const session = await workbench.openReadOnly(folder);
    note?.(session.project.readOnly ?? '');
    return session;
  }
}

async function closing<T>(
  workbench: Workbench,
  open: (workbench: Workbench) => Promise<ProjectSession>,
  work: (session: ProjectSession) => Promise<T>,
): Promise<T> {
  const session = await open(workbench);
  try {
    return await work(session);
  } finally {
    await workbench.close();
  }
}
