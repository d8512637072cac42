import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import type { SettingsKeeper } from '#main/project/settingsKeeper.ts';

export function settingsService(keeper: SettingsKeeper, publish: Publish): ServiceHandlers<'settings'> {
  return {
    get: () => keeper.current,
    update: async (change) => {
      const settings = await keeper.update(change);
      publish('settings.changed', settings);
      return settings;
    },
    recall: ({ key }) => ({ value: keeper.recall(key) }),
    remember: async ({ key, value }) => {
      await keeper.remember(key, value);
      return {};
    },
  };
}
