import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import { StudioError } from '#shared/base/errors.ts';
import { packProject } from '#main/exchange/carry/packProject.ts';
import { lookIntoPacked, unpackProject } from '#main/exchange/carry/unpackProject.ts';
import { projectHold, restoreLabel, setLabelSet } from '#main/library/index.ts';
import { openDemo } from '#main/project/demoProject.ts';
import { addLabel, labelLists, removeUnusedLabel } from '#main/project/labelChanges.ts';
import { requireAbsolute } from '#main/files/requireAbsolute.ts';
import type { RecentProjects } from '#main/project/recentProjects.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function projectsService(
  workbench: Workbench,
  recent: RecentProjects,
  demoFolder: string,
  publish: Publish,
): ServiceHandlers<'projects'> {
  const labelsChanged = (): void => {
    workbench.projectChanged();
    publish('history.changed', {});
  };
  return {
    recent: () => ({ projects: recent.list() }),
    forget: async ({ path }) => {
      await recent.forget(path);
      return {};
    },
    create: async ({ path, name, labels }) => workbench.describe(await workbench.create(requireAbsolute(path), name, { labels })),
    open: async ({ path, readOnly }) => {
      const folder = requireAbsolute(path);
      return workbench.describe(await (readOnly ? workbench.openReadOnly(folder) : workbench.open(folder)));
    },
    hold: ({ path }) => {
      const { held, sentence, holder } = projectHold(requireAbsolute(path));
      if (holder === null) return { held, sentence, holder };
      const { host, user = '', since, alive = null } = holder;
      return { held, sentence, holder: { host: host.slice(0, 256), user: user.slice(0, 256), since, alive } };
    },
    current: () => ({ project: workbench.current === null ? null : workbench.describe(workbench.current) }),
    close: async () => {
      await workbench.close();
      return {};
    },
    pack: async ({ path, overwrite }, { signal, report }) => {
      const { project, documents } = workbench.require();
      if (documents.anyOpen) throw new StudioError('conflict', 'A case is open for correction. Close it first, then pack the project.');
      return packProject(project, requireAbsolute(path), { overwrite, cancellation: signal, report });
    },
    packed: async ({ path }) => {
      const { name, bytes } = await lookIntoPacked(path);
      return { name: name.slice(0, 256), bytes };
    },
    unpack: async ({ path, folder }, { signal, report }) => {
      await unpackProject(path, requireAbsolute(folder), { cancellation: signal, report });
      return workbench.describe(await workbench.open(folder));
    },
    demo: async (_input, { signal, report }) => workbench.describe(await openDemo(workbench, demoFolder, signal, report)),
    setLabels: ({ labels }) => {
      const { project } = workbench.require();
      setLabelSet(project.write, { labels });
      labelsChanged();
      return labelLists(project);
    },
    addLabel: () => {
      const { project } = workbench.require();
      const { value } = addLabel(project);
      labelsChanged();
      return { ...labelLists(project), value };
    },
    removeLabel: async ({ value }, { signal, report }) => {
      const session = workbench.require();
      await removeUnusedLabel(session, value, { cancellation: signal, report });
      labelsChanged();
      return labelLists(session.project);
    },
    restoreLabel: ({ value }) => {
      const { project } = workbench.require();
      restoreLabel(project.write, value);
      labelsChanged();
      return labelLists(project);
    },
  };
}
