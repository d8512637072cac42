/**
 * What pre-training took from scans without labels, kept between jobs in one folder of the project (`learned/`):
 *   cases/<hash>.case   scans as the network sees them          slices.f32, slices.json   their slices
 *   clusters.json       the ensemble's settings                 clusterer-<n>.f32         centres
 *   pseudo.u16          slices × clusterers, clusterer fastest  pretrained.json, model/   the pre-trained backbone
 *   pseudo-labels.csv   the same to read, by `logonet cluster`
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as v from 'valibot';
import { SliceStore } from '#main/clustering/sliceStore.ts';
import { profileOf, type CaseProfile } from '#main/ranking/coverage.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';

const clustersSchema = v.object({
  /** Format 1 had no sums: it is made again. */
  format: v.literal(2),
  /** Hash of what was clustered and how: another hash, another clustering. */
  key: v.string(),
  clusterers: v.number(),
  clusters: v.number(),
  inertia: v.array(v.number()),
  /** CRC-32 of pseudo.u16, of slices.json and of this object without `sums.clusters`. */
  sums: v.object({ pseudo: v.number(), slices: v.number(), clusters: v.number() }),
});
export type Clusters = Omit<v.InferOutput<typeof clustersSchema>, 'format' | 'sums'>;

const pretrainedSchema = v.object({
  format: v.literal(1),
  key: v.string(),
  cases: v.array(v.string()),
  steps: v.number(),
  minutes: v.number(),
  sentence: v.string(),
});
export type Pretrained = v.InferOutput<typeof pretrainedSchema>;

export const backboneFolder = (folder: string): string => join(folder, 'model');

/** The finished clustering in a folder; undefined where there is none, or one that is not byte for byte what was written. */
export function readClusters(folder: string): Clusters | undefined {
  return readWhole(folder)?.clusters;
}

/** Names what is in the folder (pseudo.u16, slices.json) a finished clustering, with the sums by which damage to it is found. */
export function writeClusters(folder: string, clusters: Clusters): Promise<void> {
  const sums = { pseudo: crc32(readFileSync(join(folder, 'pseudo.u16'))), slices: crc32(readFileSync(join(folder, 'slices.json'))) };
  const stored = { format: 2, ...clusters, sums: { ...sums, clusters: sumOf(clusters) } };
  return writeFileAtomically(join(folder, 'clusters.json'), JSON.stringify(stored));
}

function sumOf({ key, clusterers, clusters, inertia }: Clusters): number {
  return crc32(JSON.stringify([key, clusterers, clusters, inertia]));
}

function readWhole(folder: string): { readonly clusters: Clusters; readonly pseudo: Buffer } | undefined {
  const stored = read(join(folder, 'clusters.json'), clustersSchema);
  if (stored === undefined) return undefined;
  const { key, clusterers, clusters, inertia, sums } = stored;
  const found = { key, clusterers, clusters, inertia };
  const [pseudo, slices] = ['pseudo.u16', 'slices.json'].map((name) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined,
  );
  if (pseudo === undefined || slices === undefined) return undefined;
  return sums.clusters === sumOf(found) && sums.pseudo === crc32(pseudo) && sums.slices === crc32(slices)
    ? { clusters: found, pseudo }
    : undefined;
}

/** What the backbone in the folder was pre-trained on; undefined where there is none. */
export function readPretrained(folder: string): Pretrained | undefined {
  return read(join(folder, 'pretrained.json'), pretrainedSchema);
}

export function writePretrained(folder: string, pretrained: Omit<Pretrained, 'format'>): Promise<void> {
  return writeFileAtomically(join(folder, 'pretrained.json'), JSON.stringify({ format: 1, ...pretrained }));
}

/** Pseudo-labels of each case, slices × clusterers; empty where nothing was clustered. */
export function readPseudoLabels(folder: string): { readonly clusterers: number; readonly byCase: ReadonlyMap<string, Uint16Array> } {
  const whole = readWhole(folder);
  if (whole === undefined) return { clusterers: 0, byCase: new Map() };
  const all = new Uint16Array(Uint8Array.from(whole.pseudo).buffer);
  const store = new SliceStore(folder);
  const { clusterers } = whole.clusters;
  const byCase = new Map(store.cases.map(({ id, first, count }) => [id, all.subarray(first * clusterers, (first + count) * clusterers)]));
  store.dispose();
  return { clusterers, byCase };
}

/** Where each case's slices lie among the clusters, for ranking; empty where nothing was clustered. */
export function pretrainedProfiles(folder: string): Map<string, CaseProfile> {
  const { clusterers, byCase } = readPseudoLabels(folder);
  return new Map([...byCase].map(([id, pseudo]) => [id, profileOf(pseudo, clusterers)]));
}

/** Writes the pseudo-labels as a table (pseudo-labels.csv): scan, slice, and its cluster by each clusterer. Slices are counted from 0, along i. */
export async function writePseudoLabelTable(folder: string): Promise<{ readonly path: string; readonly slices: number }> {
  const { clusterers, byCase } = readPseudoLabels(folder);
  const lines = [['scan', 'slice', ...Array.from({ length: clusterers }, (_, index) => `clusterer ${index + 1}`)].join(',')];
  for (const [id, pseudo] of byCase) {
    const name = /[",\r\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id;
    for (let slice = 0; slice * clusterers < pseudo.length; slice++)
      lines.push([name, slice, ...pseudo.subarray(slice * clusterers, (slice + 1) * clusterers)].join(','));
  }
  const path = join(folder, 'pseudo-labels.csv');
  await writeFileAtomically(path, `${lines.join('\n')}\n`);
  return { path, slices: lines.length - 1 };
}

function read<S extends v.GenericSchema>(path: string, schema: S): v.InferOutput<S> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const parsed = v.safeParse(schema, JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined; // damaged: it is made again
  }
}
