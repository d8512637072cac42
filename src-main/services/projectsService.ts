import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { restoreLabel, setLabelSet } from '#main/library/index.ts';
import { openDemo } from './demoProject.ts';
import { addLabel, labelLists, removeUnusedLabel } from './labelChanges.ts';
import { requireAbsolute } from './requireAbsolute.ts';
import type { RecentProjects } from './recentProjects.ts';
import type { Workbench } from './workbench.ts';

export function projectsService(workbench: Workbench, recent: RecentProjects, demoFolder: string): ServiceHandlers<'projects'> {
  return {
    recent: () => ({ projects: recent.list() }),
    forget: async ({ path }) => {
      await recent.forget(path);
      return {};
    },
    create: async ({ path, name, labels }) => workbench.describe(await workbench.create(requireAbsolute(path), name, { labels })),
    open: async ({ path }) => workbench.describe(await workbench.open(requireAbsolute(path))),
    current: () => ({ project: workbench.current === null ? null : workbench.describe(workbench.current) }),
    close: async () => {
      await workbench.close();
      return {};
    },
    demo: async (_input, { signal, report }) => workbench.describe(await openDemo(workbench, demoFolder, signal, report)),
    setLabels: ({ labels }) => {
      const { project } = workbench.require();
      setLabelSet(project.write, { labels });
      workbench.projectChanged();
      return labelLists(project);
    },
    addLabel: () => {
      const { project } = workbench.require();
      const { value } = addLabel(project);
      workbench.projectChanged();
      return { ...labelLists(project), value };
    },
    removeLabel: async ({ value }, { signal, report }) => {
      const session = workbench.require();
      await removeUnusedLabel(session, value, { cancellation: signal, report });
      workbench.projectChanged();
      return labelLists(session.project);
    },
    restoreLabel: ({ value }) => {
      const { project } = workbench.require();
      restoreLabel(project.write, value);
      workbench.projectChanged();
      return labelLists(project);
    },
  };
}
