import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { JsonStore } from '#main/files/jsonStore.ts';

const schema = v.array(v.object({ path: v.string(), name: v.string(), openedAt: v.string() }));
const kept = 30;

/** The projects that were opened last, newest first. */
export class RecentProjects {
  readonly #store: JsonStore<typeof schema>;

  constructor(folder: string) {
    this.#store = new JsonStore(join(folder, 'recent.json'), schema, []);
  }

  list(): { path: string; name: string; openedAt: string; exists: boolean }[] {
    return this.#store.value.map((entry) => ({ ...entry, exists: existsSync(join(entry.path, 'project.json')) }));
  }

  async add(path: string, name: string): Promise<void> {
    await this.#store.set([{ path, name, openedAt: new Date().toISOString() }, ...this.#without(path)].slice(0, kept));
  }

  async forget(path: string): Promise<void> {
    await this.#store.set(this.#without(path));
  }

  #without(path: string): v.InferOutput<typeof schema> {
    return this.#store.value.filter((entry) => entry.path !== path);
  }
}
