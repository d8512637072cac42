import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import type { CurvePoint } from '#shared/domain/job.ts';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import type { TrainConfig } from '#shared/domain/trainConfig.ts';
import type { Work } from '#shared/domain/work.ts';
import { chooseEnsemble, subsetSize } from '#main/clustering/ensemble.ts';
import type { Executor } from '#main/engine/executors/executor.ts';
import type { Weights } from '#main/model/weights.ts';
import { CaseReader } from '../patches/caseFile.ts';
import type { CheckpointStore } from '../checkpoint.ts';
import { pretrain, pretrainNetworkOptions } from '../pretrain.ts';
import type { MaskingSettings } from '../patches/masking.ts';
import { fitPretraining, type PretrainFit } from '../pretrainFit.ts';
import { trainingBytes } from '../trainingNetwork.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import type { PreparedScan } from '../preparation/scans.ts';
import { clusterScans } from './clusterScans.ts';
import { backboneFolder, readPretrained, readPseudoLabels, writePretrained, type Pretrained } from './pretrained.ts';
import { budgetAfterCrashes, defaultMemoryBudget } from '../memoryBudget.ts';
import { saveModel } from '#main/model/modelFolder.ts';

export interface PretrainScansRequest {
  readonly executor: Executor;
  /** What the backbone is made for: architecture, spacing, intensities and patch are the ones that fine-tuning will have. */
  readonly card: Omit<ModelCard, 'history' | 'datasetHash'>;
  readonly batch: number;
  readonly scans: readonly PreparedScan[];
  readonly pretrainedFolder: string;
  readonly budget: TrainConfig['budget'];
  readonly seed: number;
  readonly start?: Weights;
  /** Of the first attempt; unless given, what the device's kind suggests. */
  readonly memoryBudgetBytes?: number | undefined;
  /** null: without masking. */
  readonly masking?: MaskingSettings | null;
  /** Instead of what the device can bear. */
  readonly clusterers?: number;
  readonly peakRate?: number;
}

export interface PretrainScansResult {
  readonly folder: string;
  readonly fit: PretrainFit;
  /** False: it was there already. */
  readonly fresh: boolean;
  readonly steps: number;
  readonly curve: readonly CurvePoint[];
  /** Mean loss per masked slice and clusterer at the end; ln K is a guess. */
  readonly loss: number | null;
}

const PEAK_RATE = 1e-3;

/**
 * Clusters the scans and pre-trains a backbone on them; writes it as a model folder (with the head of `start`, where there is one) and says what it did. Repeats
 * nothing that is there for the same scans and settings.
 */
export async function pretrainScans(
  request: PretrainScansRequest,
  context: Pick<Work, 'cancellation' | 'report' | 'turn' | 'alarm' | 'point' | 'crashes'>,
): Promise<PretrainScansResult> {
  const { executor, card, batch, scans, pretrainedFolder, budget, seed } = request;
  const { architecture, patch } = card;
  const firstBudget = request.memoryBudgetBytes ?? defaultMemoryBudget(executor);
  const slices = scans.reduce((sum, { file }) => sum + slicesOf(file), 0);
  const minutes = 'minutes' in budget ? budget.minutes : 60;
  const fit = fitPretraining({
    executor,
    architecture,
    patch,
    batch,
    memoryBudgetBytes: firstBudget, // also after crashes: the plan becomes smaller, not the head
    largestK: chooseEnsemble(slices, 1, seed).largestK,
    headShare: minutes < 15 ? 0.5 : minutes < 120 ? 1 : 2,
  });
  const clusterers = request.clusterers ?? fit.clusterers;
  context.alarm('info', `Pre-training on ${slices} slices of ${scans.length} scans with ${fit.sentence}`);
  const clusters = await clusterScans(executor, scans, pretrainedFolder, { clusterers, largestK: fit.clusters, seed }, context);
  const key = createHash('sha256')
    .update(
      JSON.stringify([
        clusters.key,
        architecture,
        patch,
        budget,
        seed,
        request.masking === undefined ? 'paper' : request.masking,
        request.start !== undefined,
        request.peakRate,
      ]),
    )
    .digest('hex');
  const folder = backboneFolder(pretrainedFolder);
  const done = readPretrained(pretrainedFolder);
  if (done?.key === key) return { folder, fit, fresh: false, steps: done.steps, curve: [], loss: null };
  const network = { batch, patch, clusterers, clusters: clusters.clusters };
  const memoryBudgetBytes = budgetAfterCrashes(
    firstBudget,
    (bytes) => trainingBytes(executor, architecture, pretrainNetworkOptions({ ...network, memoryBudgetBytes: bytes })),
    context,
  );
  const { byCase } = readPseudoLabels(pretrainedFolder);
  const store = fileStore(pretrainedFolder, key);
  const outcome = await pretrain(
    {
      ...network,
      executor,
      architecture,
      cases: scans.flatMap(({ id, file }) => {
        const pseudo = byCase.get(id);
        return pseudo === undefined ? [] : [{ file, pseudo }];
      }),
      masking: request.masking,
      budget,
      seed,
      peakRate: request.peakRate ?? PEAK_RATE,
      store,
      memoryBudgetBytes,
      ...(request.start && { start: request.start }),
    },
    context,
  );
  // A head to start from stays on: fine-tuning then need not begin it again.
  await saveModel(folder, { ...card, datasetHash: clusters.key, history: [] }, new Map([...(request.start ?? []), ...outcome.backbone]));
  const pretrained: Omit<Pretrained, 'format'> = {
    key,
    cases: scans.map(({ id }) => id),
    steps: outcome.steps,
    minutes: outcome.seconds / 60,
    sentence: `${fit.sentence} ${outcome.steps} steps in ${(outcome.seconds / 60).toFixed(1)} minutes, subsets of ${subsetSize(slices, 0.1)} slices.`,
  };
  await writePretrained(pretrainedFolder, pretrained);
  await rm(join(pretrainedFolder, 'pretrain.safetensors'), { force: true });
  return { folder, fit, fresh: true, steps: outcome.steps, curve: outcome.curve, loss: outcome.curve.at(-1)?.loss ?? null };
}

function slicesOf(file: string): number {
  const reader = new CaseReader(file);
  reader.close();
  return reader.header.size[0];
}

/** One checkpoint in the folder of what is pre-trained; another run's is not taken up. */
function fileStore(folder: string, key: string): CheckpointStore {
  const file = join(folder, 'pretrain.safetensors');
  const keyFile = join(folder, 'pretrain.key');
  return {
    load: async () => {
      const other = await readFile(keyFile, 'utf8').catch(() => undefined);
      if (other !== key) return undefined;
      return readFile(file).catch((error: unknown) => {
        throw new StudioError('corrupt', 'The checkpoint of the pre-training is missing; start it again.', { cause: error });
      });
    },
    save: async (_name, bytes) => {
      const other = await readFile(keyFile, 'utf8').catch(() => undefined);
      if (other !== key) await rm(keyFile, { force: true });
      await writeFileAtomically(file, bytes);
      if (other !== key) await writeFileAtomically(keyFile, key);
    },
  };
}
