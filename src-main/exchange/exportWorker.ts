/** Worker thread: reads, converts, writes and compares, so that the process which answers the window does none of it. See exportThread.ts. */
import { parentPort } from 'node:worker_threads';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { readMaskFile } from '#main/document/index.ts';
import { exportNnunet } from '#main/export/exportNnunet.ts';
import { measureLabels } from '#main/export/labelVolumes.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { closeIdleDecoders } from '#main/imageio/worker/decodeInWorker.ts';
import { caseFormat } from './exportFormats.ts';
import { renumbered, renumberedLabels } from './sourceValues.ts';
import { withoutLabels } from './withoutLabels.ts';
import { checkedFile } from './checkedFile.ts';
import type { ExportReply, ExportRequest, ExportTasks, LabelsSource } from './exportTasks.ts';

const reply = (message: ExportReply): void => {
  parentPort?.postMessage(message);
};

const labelsOf = async (source: LabelsSource): Promise<LabelVolume> =>
  source.kind === 'file' ? withoutLabels(await readMaskFile(source.path), source.removed ?? []) : source.volume;

const checked = (paths: readonly string[]) => Promise.all(paths.map(checkedFile));

const tasks: { readonly [K in keyof ExportTasks]: (request: ExportTasks[K]['request']) => Promise<ExportTasks[K]['result']> } = {
  case: async ({ format, path, labels, labelSet, imagePaths, known, identity, origin, overwrite, regions, renumbering }) => {
    const volume = await labelsOf(labels);
    return checked(
      await caseFormat(format).write(path, {
        labels: renumbering === null ? volume : renumbered(volume, renumbering),
        labelSet: renumbering === null ? labelSet : renumberedLabels(labelSet, renumbering),
        origin,
        overwrite,
        regions,
        image: () => readImage(imagePaths, { identity, ...known }),
      }),
    );
  },
  measure: async ({ labels, labelSet }) => measureLabels(await labelsOf(labels), labelSet),
  dataset: async ({ folder, name, modality, channels, labelSet, cases }) => {
    const files = await exportNnunet(folder, {
      name,
      modality,
      ...(channels !== undefined && { channels }),
      labelSet,
      report: (progress) => {
        reply({ kind: 'progress', progress });
      },
      cases: cases.map(({ images, labels, ...named }) => {
        const [image, ...further] = images.map(
          ({ imagePaths, known, onto }) =>
            async () =>
              (await readImage(imagePaths, { ...known, onto })).volume,
        );
        if (image === undefined) throw new StudioError('not-found', 'A case of this export has no image.');
        return { ...named, image, further, labels: () => labelsOf(labels) };
      }),
    });
    return checked(files);
  },
};

parentPort?.on('message', (message: ExportRequest) => {
  if (message === 'close') {
    closeIdleDecoders();
    process.exitCode = 0; // a codec sets it where it fails, which its reply has told
    parentPort?.close();
    return;
  }
  const { kind, request } = message;
  (tasks[kind] as (given: unknown) => Promise<unknown>)(request).then(
    (result) => {
      reply({ kind: 'done', result });
    },
    (error: unknown) => {
      reply({ kind: 'failed', error: toWireError(error) });
    },
  );
});
