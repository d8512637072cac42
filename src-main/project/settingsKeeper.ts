import { userInfo } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { settingsValues } from '#shared/contract/settings.ts';
import { JsonStore } from '#main/files/jsonStore.ts';

export type Settings = v.InferOutput<typeof settingsValues>;

const rememberedSchema = v.record(v.pipe(v.string(), v.maxLength(64)), v.pipe(v.string(), v.maxLength(262_144)));
const rememberedKeys = 500;

/** The person's settings and what the window remembers of itself, in two files of the application's folder. */
export class SettingsKeeper {
  readonly #settings: JsonStore<typeof settingsValues>;
  readonly #remembered: JsonStore<typeof rememberedSchema>;
  /** Of the application, for what is the person's and belongs to no project. */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#settings = new JsonStore(join(folder, 'settings.json'), settingsValues, {
      device: 'auto',
      memoryBytes: 0,
      annotator: accountName(),
      deidentifyExports: true,
      importMode: 'copy',
      submitTo: '',
      submitFolder: '',
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
    return Object.hasOwn(this.#remembered.value, key) ? (this.#remembered.value[key] ?? null) : null;
  }

  /** Forgets what was remembered of a case. */
  async forgetCase(caseId: string): Promise<void> {
    const left = Object.entries(this.#remembered.value).filter(([key, value]) => !key.includes(caseId) && !value.includes(caseId));
    if (left.length < Object.keys(this.#remembered.value).length) await this.#remembered.set(Object.fromEntries(left));
  }

  async remember(key: string, value: string): Promise<void> {
    const next = { ...this.#remembered.value, [key]: value };
    if (Object.keys(next).length > rememberedKeys) throw new StudioError('conflict', 'The window remembers too many things.');
    await this.#remembered.set(next);
  }
}

function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
