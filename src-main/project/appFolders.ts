import { join } from 'node:path';
import { applicationData } from '#main/files/applicationData.ts';

/** Where the program keeps what is the person's but belongs to no project: settings, recent projects, logs, the demo project. */
export interface AppFolders {
  readonly data: string;
  readonly logs: string;
  readonly demo: string;
  /** Profile of the app window that the web host opens. */
  readonly browserProfile: string;
}

/** The platform's folder for it; LOGONET_DATA names another one. */
export function appFolders(...where: Parameters<typeof applicationData>): AppFolders {
  const data = applicationData(...where);
  return { data, logs: join(data, 'logs'), demo: join(data, 'demo'), browserProfile: join(data, 'window') };
}
