/** Worker thread: compares two masks, which takes seconds on large volumes. See agreement.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import { compareLabels } from '#shared/domain/metrics.ts';
import { regionsOf } from '#shared/domain/regions.ts';
import { spacing } from '#shared/geometry/grid.ts';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { labelCounts } from '#shared/segmentation/index.ts';
import { readMaskFile } from '#main/document/index.ts';
import type { CompareReply, CompareRequest } from './agreement.ts';

async function compare(request: CompareRequest): Promise<CompareReply> {
  const [own, reading] = [await readMaskFile(request.own), await readMaskFile(request.reading)];
  if (!sameGrid(own.grid, reading.grid)) throw new StudioError('invalid-argument', 'The two masks do not lie on the same voxels.');
  const regions = regionsOf(request.labelSet);
  const held = new Set([own, reading].flatMap((volume) => Object.keys(labelCounts(volume)).map(Number)));
  // A label whose voxels are all of labels inside it is there, too.
  const outer = [...(regions ?? [])].flatMap(([label, values]) => (values.some((value) => held.has(value)) ? [label] : []));
  const labels = [...new Set([...held, ...outer])].sort((a, b) => a - b);
  return { kind: 'done', labels: compareLabels(own.data, reading.data, own.grid.size, spacing(own.grid), labels, { regions }) };
}

compare(workerData as CompareRequest)
  .catch((error: unknown): CompareReply => ({ kind: 'failed', error: toWireError(error) }))
  .then((reply) => parentPort?.postMessage(reply))
  .catch(() => undefined);
