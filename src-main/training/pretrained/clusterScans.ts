import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { Work } from '#shared/domain/work.ts';
import { chooseEnsemble, labelSlices, trainClusterer, type EnsembleSettings } from '#main/clustering/ensemble.ts';
import { engineInnerProducts } from '#main/clustering/engineInnerProducts.ts';
import { choosePlane, sliceVectors } from '#main/clustering/slices.ts';
import { writeText } from '#main/files/durable.ts';
import { SliceStore, SliceWriter } from '#main/clustering/sliceStore.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import { CaseReader } from '../patches/caseFile.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { PreparedScan } from '../preparation/scans.ts';
import { readClusters, writeClusters, type Clusters } from './pretrained.ts';

type Context = Pick<Work, 'cancellation' | 'report' | 'turn'>;

/** Slices of all scans, on the plane that suits them; made once for these scans. */
async function storeSlices(scans: readonly PreparedScan[], folder: string, context: Context): Promise<void> {
  const headers = scans.map(({ file }) => {
    const reader = new CaseReader(file);
    reader.close();
    return reader.header;
  });
  const channels = 1 + (headers[0]?.further.length ?? 0);
  const plane = choosePlane(
    headers.map(({ size }) => size),
    channels,
  );
  const writer = new SliceWriter(folder, plane);
  for (const [index, { id, file }] of scans.entries()) {
    await context.turn();
    const reader = new CaseReader(file);
    const { size } = reader.header;
    const volumes = Array.from({ length: channels }, (_, channel) => ({
      data: reader.intensities({ low: [0, 0, 0], size }, [channel]),
      background: reader.channel(channel).minimum,
    }));
    reader.close();
    writer.add(id, sliceVectors(volumes, size, plane));
    context.report({ phase: 'Collecting slices', fraction: (index + 1) / scans.length });
  }
  writer.finish(writeText);
}

/**
 * Clusters the slices of prepared scans (section 3.3, Table 2) and stores every slice's pseudo-labels. What is there for the same scans
 * and settings is kept; after an interruption it goes on with the first clusterer that is missing.
 */
export async function clusterScans(
  executor: Executor,
  scans: readonly PreparedScan[],
  folder: string,
  { clusterers, largestK, seed }: { readonly clusterers: number; readonly largestK: number; readonly seed: number },
  context: Context,
): Promise<Clusters> {
  if (scans.length === 0) throw new StudioError('invalid-argument', 'There is no scan to cluster; import some first.');
  const key = createHash('sha256')
    .update(JSON.stringify([scans.map(({ id, file }) => [id, basename(file)]).sort(), clusterers, largestK, seed]))
    .digest('hex');
  const done = readClusters(folder);
  if (done?.key === key) return done;
  const started = join(folder, 'clustering.key');
  // What is finished and still not whole is damaged, or of a version without sums: nothing of it is trusted.
  const damaged = existsSync(join(folder, 'clusters.json'));
  if (damaged || !existsSync(started) || readFileSync(started, 'utf8') !== key) {
    for (const name of ['slices.json', 'clusters.json', ...Array.from({ length: 256 }, (_, index) => labelFile(index))])
      await rm(join(folder, name), { force: true });
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
    return clusters;
  } finally {
    store.dispose();
  }
}

const labelFile = (index: number): string => `labels-${index}.bin`;

/** Inertia (float64) and the labels (uint16) of one clusterer; its centres go to a file of their own. */
async function oneClusterer(
  executor: Executor,
  store: SliceStore,
  ensemble: EnsembleSettings,
  index: number,
  folder: string,
  context: Context,
): Promise<Uint8Array> {
  const report = (fraction: number): void => {
    context.report({
      phase: 'Clustering slices',
      fraction: (index + fraction) / ensemble.clusterers,
      detail: `clusterer ${index + 1} of ${ensemble.clusterers}`,
    });
  };
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
