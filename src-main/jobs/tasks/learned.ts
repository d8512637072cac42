/**
 * What was learned from scans without labels, kept between jobs in one folder of the project:
 *   cases/<hash>.case   scans as the network sees them          slices.f32, slices.json   their slices
 *   clusters.json       the ensemble's settings                 clusterer-<n>.f32         centres
 *   pseudo.u16          slices × clusterers, clusterer fastest  pretrained.json, model/   the pre-trained backbone
 *   pseudo-labels.csv   the same to read, by `logonet cluster`
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { SliceStore } from '#main/clustering/sliceStore.ts';
import { profileOf, type CaseProfile } from '#main/ranking/coverage.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';

const clustersSchema = v.object({
  format: v.literal(1),
  /** Hash of what was clustered and how: another hash, another clustering. */
  key: v.string(),
  clusterers: v.number(),
  clusters: v.number(),
  inertia: v.array(v.number()),
});
export type Clusters = v.InferOutput<typeof clustersSchema>;

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

export function readClusters(folder: string): Clusters | undefined {
  return read(join(folder, 'clusters.json'), clustersSchema);
}

export function writeClusters(folder: string, clusters: Omit<Clusters, 'format'>): Promise<void> {
  return writeFileAtomically(join(folder, 'clusters.json'), JSON.stringify({ format: 1, ...clusters }));
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
  const clusters = readClusters(folder);
  if (clusters === undefined || !SliceStore.exists(folder)) return { clusterers: 0, byCase: new Map() };
  const bytes = readFileSync(join(folder, 'pseudo.u16'));
  const all = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const store = new SliceStore(folder);
  const { clusterers } = clusters;
  const byCase = new Map(store.cases.map(({ id, first, count }) => [id, all.subarray(first * clusterers, (first + count) * clusterers)]));
  store.dispose();
  return { clusterers, byCase };
}

/** Where each case's slices lie among the clusters, for ranking; empty where nothing was clustered. */
export function learnedProfiles(folder: string): Map<string, CaseProfile> {
  const { clusterers, byCase } = readPseudoLabels(folder);
  return new Map([...byCase].map(([id, pseudo]) => [id, profileOf(pseudo, clusterers)]));
}

/** Writes the pseudo-labels as a table (pseudo-labels.csv): scan, slice, and its cluster by each clusterer. Slices are counted from 0, along i. */
export async function writePseudoLabelTable(folder: string): Promise<{ readonly path: string; readonly slices: number }> {
  const { clusterers, byCase } = readPseudoLabels(folder);
  const lines = [['scan', 'slice', ...Array.from({ length: clusterers }, (_, index) => `clusterer ${index + 1}`)].join(',')];
  for (const [id, pseudo] of byCase) {
    const name = /[",\r\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id;
    for (let slice = 0; slice * clusterers < pseudo.length; slice++) lines.push([name, slice, ...pseudo.subarray(slice * clusterers, (slice + 1) * clusterers)].join(','));
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
    return undefined; // damaged: it is made anew
  }
}
