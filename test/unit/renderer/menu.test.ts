import { expect, it } from 'vitest';
import { menuTemplate } from '#main/host/electron/menu.ts';
import { commandsOf } from '#renderer/app/commands.ts';

const nothing = (): void => undefined;
const commands = () =>
  commandsOf({
    studio: { viewer: {}, appearance: {}, keymap: { keysOf: (_id: string, keys: string) => keys } } as never,
    tools: {} as never,
    actions: {} as never,
    openPalette: nothing,
    openKeys: nothing,
    openImport: nothing,
    openProject: nothing,
    openPacked: nothing,
    createProject: nothing,
    openReadings: nothing,
  });

it('no two commands have one key', () => {
  const keys = commands().flatMap(({ id, initialKeys }) =>
    initialKeys.split('|').flatMap((key) => (key === '' ? [] : [[key, id] as const])),
  );
  const shared = [...Map.groupBy(keys, ([key]) => key).values()].filter((each) => each.length > 1);
  expect(shared).toEqual([]);
});

it('every item of the application menu is a command of the window', () => {
  const asked: string[] = [];
  const press = (items: ReturnType<typeof menuTemplate>): void => {
    for (const item of items) {
      if (Array.isArray(item.submenu)) press(item.submenu);
      (item.click as (() => void) | undefined)?.();
    }
  };
  press(menuTemplate('linux', (command) => asked.push(command)));
  const known = commands().map(({ id }) => id);
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.filter((command) => !known.includes(command))).toEqual([]);
});
