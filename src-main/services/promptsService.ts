import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { askPromptNetwork, promptNetworkSide } from '#main/project/promptNetwork.ts';
import type { Workbench } from '#main/project/workbench.ts';

export function promptsService(workbench: Workbench, dataFolder: string): ServiceHandlers<'prompts'> {
  return {
    network: async () => ({ side: await promptNetworkSide(dataFolder) }),
    ask: async ({ input }) => ({ chance: await askPromptNetwork(workbench.require(), workbench.device, dataFolder, input) }),
  };
}
