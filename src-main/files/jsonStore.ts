import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { writeFileAtomically } from './atomicFile.ts';
import { makeFolder } from './makeFolder.ts';

/** A small JSON file with a schema, read once and replaced atomically at each change. What is damaged or missing is the default. */
export class JsonStore<S extends v.GenericSchema> {
  #value: v.InferOutput<S>;
  #writing: Promise<void> = Promise.resolve();
  readonly #file: string;
  readonly #makesFolder: boolean;

  /** `makesFolder`: also the folder, and those above it, where they are missing. */
  constructor(file: string, schema: S, fallback: v.InferOutput<S>, { makesFolder = true } = {}) {
    this.#file = file;
    this.#makesFolder = makesFolder;
    this.#value = readJson(file, schema) ?? fallback;
  }

  get value(): v.InferOutput<S> {
    return this.#value;
  }

  /** Resolves when the value is on disk. */
  async set(value: v.InferOutput<S>): Promise<void> {
    this.#value = value;
    const write = this.#writing.then(async () => {
      if (this.#makesFolder) makeFolder(dirname(this.#file));
      await writeFileAtomically(this.#file, JSON.stringify(value, null, 2));
    });
    this.#writing = write.catch(() => undefined);
    await write;
  }
}

export function readJson<S extends v.GenericSchema>(file: string, schema: S): v.InferOutput<S> | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(readFileSync(file, 'utf8')));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
