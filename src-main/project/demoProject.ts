import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StudioError } from '#shared/base/errors.ts';
import { throwIfCancelled, type Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';
import { phantomLabelSet } from '#shared/domain/phantom.ts';
import { listCases } from '#main/library/index.ts';
import { importModel } from './importModel.ts';
import { importCases } from '#main/exchange/importCases.ts';
import { finished, submitPrediction } from './predictions.ts';
import type { ProjectSession } from './session.ts';
import type { Workbench } from './workbench.ts';

/** Seeds that no shipped model was trained on. */
const seeds = Array.from({ length: 10 }, (_, index) => 9001 + index);
const labelled = 3;
/** Millimetres in-plane, about. */
const resolution = 3;
const shippedModel = join(import.meta.dirname, '..', '..', 'resources', 'models', 'phantom');

/**
 * Opens the demo project, made at the first call: ten generated abdomens, three of them with their truth, the shipped model, and its
 * prediction of a first case; the others are predicted in the background. What a cancelled call leaves is made again by the next.
 */
export async function openDemo(
  workbench: Workbench,
  folder: string,
  cancellation: Cancellation,
  report: ReportProgress,
): Promise<ProjectSession> {
  if (existsSync(join(folder, 'project.json'))) {
    const session = await workbench.open(folder);
    if (listCases(session.project.read, { limit: 1 }).total >= seeds.length) return session;
    await workbench.close();
  }
  await rm(folder, { recursive: true, force: true });
  const files = await mkdtemp(join(tmpdir(), 'logonet-demo-'));
  try {
    await writePhantoms(files, cancellation, (done) => {
      report({ phase: 'Making phantoms', fraction: (0.5 * done) / seeds.length });
    });
    throwIfCancelled(cancellation);
    const session = await workbench.create(folder, 'Demo: abdominal phantoms', phantomLabelSet);
    await importCases(session.project, [files], {
      mode: 'copy',
      // The phantoms' masks name nothing; their values are this very label set's.
      choices: new Map(phantomLabelSet.labels.map(({ value, name }) => [String(value), name])),
      cancellation,
      report: ({ phase, fraction }) => {
        report({ phase, fraction: 0.5 + 0.3 * fraction });
      },
    });
    workbench.casesChanged(null);
    if (existsSync(join(shippedModel, 'model.json')))
      await predictAtOnce(session, workbench.device, (progress) => {
        report({ ...progress, fraction: 0.8 + 0.2 * progress.fraction });
      });
    return session;
  } catch (error) {
    // What is half made is not left open as if it were a project; one that was open before it began stays.
    if (workbench.current?.project.paths.folder === resolve(folder)) await workbench.close();
    throw error;
  } finally {
    await rm(files, { recursive: true, force: true });
  }
}

async function predictAtOnce(session: ProjectSession, device: string, report: ReportProgress): Promise<void> {
  await importModel(session.project, shippedModel, { name: 'Shipped phantom model' });
  const [first, ...others] = listCases(session.project.read, { statuses: ['unlabelled'], sort: 'name' }).cases.map(({ id }) => id);
  if (first === undefined) return;
  await finished(session, (await submitPrediction(session, device, [first], undefined, 'interactive')).id, report);
  await submitPrediction(session, device, others, undefined, 'background');
}

function writePhantoms(folder: string, cancellation: Cancellation, onDone: (count: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./demoPhantomsWorker.ts', import.meta.url), { workerData: { folder, seeds, labelled, resolution } });
    const watch = setInterval(() => {
      if (!cancellation.aborted) return;
      clearInterval(watch); // Once: every further call would add a listener until the thread has ended.
      void worker.terminate();
    }, 50);
    worker.on('message', onDone);
    worker.on('error', (cause) => {
      reject(new StudioError('io', 'The demo project could not be made. Is the disk full?', { cause }));
    });
    worker.on('exit', () => {
      clearInterval(watch);
      resolve();
    });
  });
}
