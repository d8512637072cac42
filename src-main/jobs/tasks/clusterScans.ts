import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { IntensityRule } from '#shared/domain/modelCard.ts';
import { spacing as spacingOf } from '#shared/geometry/grid.ts';
import type { Triple } from '#shared/geometry/grid.ts';
import { chooseEnsemble, labelSlices, trainClusterer, type EnsembleSettings } from '#main/clustering/ensemble.ts';
import { engineInnerProducts } from '#main/clustering/engineInnerProducts.ts';
import { choosePlane, sliceVectors } from '#main/clustering/slices.ts';
import { SliceStore, SliceWriter } from '#main/clustering/sliceStore.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { prepareImage } from '#main/inference/prepareVolume.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { CaseReader, encodeCase } from '#main/training/caseFile.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { TaskContext } from '../task.ts';
import { readClusters, writeClusters, type Clusters } from './learned.ts';
import type { LeftOutCase } from './prepareCases.ts';

/** A scan, labelled or not. */
export interface Scan {
  readonly id: string;
  readonly name: string;
  readonly image: string | readonly string[];
  /** SHA-256 of the image's files, where it is known: what was prepared from them then survives a move of the project. */
  readonly contentHash?: string | undefined;
}

export interface PreparedScan {
  readonly id: string;
  readonly file: string;
}

type Context = Pick<TaskContext<never>, 'cancellation' | 'report' | 'turn' | 'alarm'>;

/**
 * Writes each scan as the network sees it into `folder/cases`, where that is not done yet; what is there of other scans, or by another rule,
 * is removed. A scan that cannot be read is left out and named.
 */
export async function prepareScans(
  scans: readonly Scan[], folder: string, { spacing, intensity }: { readonly spacing: Triple; readonly intensity: IntensityRule }, context: Context,
): Promise<{ readonly prepared: PreparedScan[]; readonly leftOut: LeftOutCase[] }> {
  await mkdir(join(folder, 'cases'), { recursive: true });
  const prepared: PreparedScan[] = [];
  const leftOut: LeftOutCase[] = [];
  for (const [index, scan] of scans.entries()) {
    throwIfCancelled(context.cancellation);
    await context.turn();
    const file = join(folder, 'cases', `${createHash('sha256').update(JSON.stringify([scan.id, scan.contentHash ?? scan.image, spacing, intensity])).digest('hex').slice(0, 32)}.case`);
    try {
      if (!existsSync(file)) {
        const { volume } = await readImage(scan.image, { cancellation: context.cancellation });
        const { grid, data } = prepareImage(volume, spacing, intensity);
        await writeFileAtomically(file, encodeCase(scan.name, grid.size, spacingOf(grid), data, new Uint8Array(data.length)));
      }
      prepared.push({ id: scan.id, file });
    } catch (error) {
      if (!(error instanceof StudioError) || !['invalid-file', 'unsupported', 'not-found'].includes(error.code)) throw error;
      leftOut.push({ path: scan.name, reason: error.message });
      context.alarm('warning', `Left out: ${error.message}`);
    }
    context.report({ phase: 'Preparing scans', fraction: (index + 1) / scans.length, detail: scan.name });
  }
  const wanted = new Set(prepared.map(({ file }) => basename(file)));
  for (const name of await readdir(join(folder, 'cases'))) if (!wanted.has(name)) await rm(join(folder, 'cases', name), { force: true });
  return { prepared, leftOut };
}

/** Slices of all scans, on the plane that suits them; made once for these scans. */
async function storeSlices(scans: readonly PreparedScan[], folder: string, context: Context): Promise<void> {
  const sizes = scans.map(({ file }) => {
    const reader = new CaseReader(file);
    reader.close();
    return reader.header.size;
  });
  const writer = new SliceWriter(folder, choosePlane(sizes));
  const plane = choosePlane(sizes);
  for (const [index, { id, file }] of scans.entries()) {
    await context.turn();
    const reader = new CaseReader(file);
    const { size, scale, offset, minimum } = reader.header;
    const image = Float32Array.from(reader.image({ low: [0, 0, 0], size }), (stored) => stored * scale + offset);
    reader.close();
    writer.add(id, sliceVectors(image, size, plane, minimum));
    context.report({ phase: 'Collecting slices', fraction: (index + 1) / scans.length });
  }
  writer.finish();
}

/**
 * Clusters the slices of prepared scans (section 3.3, Table 2) and stores every slice's pseudo-labels. What is there for the same scans
 * and settings is kept; after an interruption it goes on with the first clusterer that is missing.
 */
export async function clusterScans(
  executor: Executor, scans: readonly PreparedScan[], folder: string,
  { clusterers, largestK, seed }: { readonly clusterers: number; readonly largestK: number; readonly seed: number }, context: Context,
): Promise<Clusters> {
  if (scans.length === 0) throw new StudioError('invalid-argument', 'There is no scan to cluster; import some first.');
  const key = createHash('sha256').update(JSON.stringify([scans.map(({ id, file }) => [id, basename(file)]).sort(), clusterers, largestK, seed])).digest('hex');
  const done = readClusters(folder);
  if (done?.key === key) return done;
  const started = join(folder, 'clustering.key');
  if (!existsSync(started) || readFileSync(started, 'utf8') !== key) {
    for (const name of ['slices.json', 'clusters.json', ...Array.from({ length: 256 }, (_, index) => labelFile(index))]) await rm(join(folder, name), { force: true });
    await writeFileAtomically(started, key);
  }
  if (!SliceStore.exists(folder)) await storeSlices(scans, folder, context);
  const store = new SliceStore(folder);
  try {
    const ensemble = chooseEnsemble(store.rows, clusterers, seed, largestK);
    const inertia: number[] = [];
    const pseudo = new Uint16Array(store.rows * ensemble.clusterers);
    for (let index = 0; index < ensemble.clusterers; index++) {
      const path = join(folder, labelFile(index));
      if (!existsSync(path)) await writeFileAtomically(path, await oneClusterer(executor, store, ensemble, index, folder, context));
      const bytes = readFileSync(path);
      inertia.push(bytes.readDoubleLE(0));
      for (let row = 0; row < store.rows; row++) pseudo[row * ensemble.clusterers + index] = bytes.readUInt16LE(8 + row * 2);
    }
    await writeFileAtomically(join(folder, 'pseudo.u16'), new Uint8Array(pseudo.buffer));
    const clusters = { key, clusterers: ensemble.clusterers, clusters: ensemble.largestK, inertia };
    await writeClusters(folder, clusters);
    for (let index = 0; index < ensemble.clusterers; index++) await rm(join(folder, labelFile(index)), { force: true });
    return { format: 1, ...clusters };
  } finally {
    store.dispose();
  }
}

const labelFile = (index: number): string => `labels-${index}.bin`;

/** Inertia (float64) and the labels (uint16) of one clusterer; its centres go to a file of their own. */
async function oneClusterer(executor: Executor, store: SliceStore, ensemble: EnsembleSettings, index: number, folder: string, context: Context): Promise<Uint8Array> {
  const report = (fraction: number): void => { context.report({ phase: 'Clustering slices', fraction: (index + fraction) / ensemble.clusterers, detail: `clusterer ${index + 1} of ${ensemble.clusterers}` }); };
  const products = engineInnerProducts(executor);
  const clusterer = await trainClusterer(store, ensemble, index, { products, cancellation: context.cancellation, report });
  await context.turn();
  await writeFileAtomically(join(folder, `clusterer-${index}.f32`), new Uint8Array(clusterer.centres.buffer));
  const { labels, inertia } = await labelSlices(store, clusterer, { products, cancellation: context.cancellation });
  const bytes = Buffer.alloc(8 + labels.length * 2);
  bytes.writeDoubleLE(inertia, 0);
  for (const [row, label] of labels.entries()) bytes.writeUInt16LE(label, 8 + row * 2);
  return bytes;
}
