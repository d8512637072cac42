import type { ServiceHandlers } from '#shared/contract/contract.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function problemsService(workbench: Workbench): ServiceHandlers<'problems'> {
  return {
    list: ({ offset, limit }) => {
      const { all } = workbench.require().problems;
      return { total: all.length, problems: all.slice(offset, offset + limit) };
    },
    dismiss: async ({ problemId }) => {
      await workbench.require().problems.dismiss(problemId);
      return {};
    },
  };
}
