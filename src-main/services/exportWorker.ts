/** Worker thread: reads, converts, writes and compares, so that the process which answers the window does none of it. See exportThread.ts. */
import { parentPort } from 'node:worker_threads';
import { toWireError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { readMaskFile } from '#main/document/index.ts';
import { exportNnunet } from '#main/export/exportNnunet.ts';
import { measureLabels } from '#main/export/labelVolumes.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { caseFormat } from './exportFormats.ts';
import { leaveOut } from './leaveOut.ts';
import type { ExportReply, ExportTask, ExportTasks, LabelsSource } from './exportTasks.ts';

const reply = (message: ExportReply): void => { parentPort?.postMessage(message); };

const labelsOf = async (source: LabelsSource): Promise<LabelVolume> => (source.kind === 'file' ? leaveOut(await readMaskFile(source.path), source.leftOut ?? []) : source.volume);

const tasks: { readonly [K in keyof ExportTasks]: (request: ExportTasks[K]['request']) => Promise<ExportTasks[K]['result']> } = {
  case: async ({ format, path, labels, labelSet, imagePaths, identity, origin }) =>
    caseFormat(format).write(path, { labels: await labelsOf(labels), labelSet, origin, image: () => readImage(imagePaths, { identity }) }),
  measure: async ({ labels, labelSet }) => measureLabels(await labelsOf(labels), labelSet),
  dataset: async ({ folder, name, modality, labelSet, cases }) => {
    await exportNnunet(folder, {
      name, modality, labelSet, report: (progress) => { reply({ kind: 'progress', progress }); },
      cases: cases.map(({ imagePaths, labels, ...named }) => ({
        ...named, image: async () => (await readImage(imagePaths)).volume, labels: () => labelsOf(labels),
      })),
    });
    return null;
  },
};

parentPort?.on('message', ({ kind, request }: ExportTask) => {
  (tasks[kind] as (given: unknown) => Promise<unknown>)(request).then(
    (result) => { reply({ kind: 'done', result }); },
    (error: unknown) => { reply({ kind: 'failed', error: toWireError(error) }); },
  );
});
