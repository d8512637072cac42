import { userInfo } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import { settingsValues } from '#shared/contract/settings.ts';
import { JsonStore } from './jsonStore.ts';

export type Settings = v.InferOutput<typeof settingsValues>;

const rememberedSchema = v.record(v.pipe(v.string(), v.maxLength(64)), v.pipe(v.string(), v.maxLength(262_144)));
const rememberedKeys = 500;

/** The person's settings and what the window remembers of itself, in two files of the application's folder. */
export class SettingsKeeper {
  readonly #settings: JsonStore<typeof settingsValues>;
  readonly #remembered: JsonStore<typeof rememberedSchema>;

  constructor(folder: string) {
    this.#settings = new JsonStore(join(folder, 'settings.json'), settingsValues, {
      device: 'auto', memoryBytes: 0, annotator: accountName(), deidentifyExports: true, importMode: 'copy',
    });
    this.#remembered = new JsonStore(join(folder, 'window.json'), rememberedSchema, {});
  }

  get current(): Settings {
    return this.#settings.value;
  }

  async update(change: Partial<Settings>): Promise<Settings> {
    await this.#settings.set({ ...this.#settings.value, ...change });
    return this.#settings.value;
  }

  recall(key: string): string | null {
    return Object.hasOwn(this.#remembered.value, key) ? this.#remembered.value[key] ?? null : null;
  }

  async remember(key: string, value: string): Promise<void> {
    const next = { ...this.#remembered.value, [key]: value };
    if (Object.keys(next).length > rememberedKeys) throw new StudioError('conflict', 'The window remembers too many things.');
    await this.#remembered.set(next);
  }
}

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

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
