import { StudioError } from '#shared/base/errors.ts';
import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { createFolder, listFolder, places } from '#main/files/folders.ts';
import type { HostAbilities } from './appService.ts';

export function filesService(host: HostAbilities): ServiceHandlers<'files'> {
  return {
    places: () => ({ places: places() }),
    list: ({ path }) => listFolder(path),
    createFolder: async ({ parent, name }) => ({ path: await createFolder(parent, name) }),
    pick: async ({ kind, title }) => {
      if (host.pick === undefined) throw new StudioError('unsupported', 'This window has no system file dialog; use the folder browser.');
      return { paths: await host.pick(kind, title) };
    },
  };
}
