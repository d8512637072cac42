import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { mutateFile } from '#test/support/mutants.ts';
import { checkpointOf, pickle, storedZip, tinyPlans, writeTinyFolder } from '#test/support/nnunetFolder.ts';
import type { TrustRow } from '../row.ts';

const SECONDS = 5;
const BYTES = 500e6;

export const row: TrustRow = {
  name: 'hostile-models',
  property: 'damaged or hostile nnU-Net folders give a typed error or the right model, run nothing, in under 5 s and 500 MB',
  count: 1000,
  short: 60,
  async run({ count, random, folder }) {
    const { weights } = await writeTinyFolder(folder, { kind: 'residual' });
    const [own = new Map()] = weights;
    const { plans, dataset } = tinyPlans({ kind: 'residual' });
    const storages: Buffer[] = [];
    const structure = pickle(checkpointOf(own, plans, dataset), storages);
    // What a hostile writer would do: the structure is damaged, and all check sums are right.
    const resealed = (): Buffer =>
      storedZip([
        ['archive/data.pkl', Buffer.from(mutateFile(new Uint8Array(structure), random))],
        ...storages.map((bytes, key) => [`archive/data/${key}`, bytes] as const),
      ]);
    const files = ['plans.json', 'dataset.json', join('fold_0', 'checkpoint_final.pth')].map((name) => join(folder, name));
    const sound = await Promise.all(files.map((file) => readFile(file)));
    const failures: string[] = [];
    const outcomes = new Map<string, number>();
    const baseline = process.memoryUsage().rss;
    for (let n = 0; n < count; n++) {
      const which = n % 5 === 4 ? random.integer(2) : 2;
      const [file = '', bytes = Buffer.alloc(0)] = [files[which], sound[which]];
      const sealed = which === 2 && n % 2 === 0;
      await writeFile(file, sealed ? resealed() : mutateFile(new Uint8Array(bytes), random));
      const begun = performance.now();
      const outcome = await importNnunetFolder(folder).then(
        ({ weights: read }) => {
          const differs = (name: string): boolean =>
            read.get(`fold_0/${name}`)?.data.some((value, at) => value !== own.get(name)?.data[at]) ?? true;
          return which === 2 && !sealed && [...own.keys()].some(differs) ? 'another model' : 'read';
        },
        (error: unknown) => (error instanceof StudioError && error.code !== 'internal' ? error.code : String(error)),
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (!['read', 'invalid-file', 'unsupported', 'not-found'].includes(outcome)) failures.push(`mutant ${n}: ${outcome}`);
      if (performance.now() - begun > 1000 * SECONDS) failures.push(`mutant ${n}: over ${SECONDS} s`);
      if (process.memoryUsage().rss - baseline > BYTES) failures.push(`mutant ${n}: over 500 MB`);
      await writeFile(file, bytes);
    }
    return { tried: count, failures, note: [...outcomes].map(([outcome, times]) => `${times} ${outcome}`).join(', ') };
  },
};
