import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '#shared/base/random.ts';
import { compareModels, type CaseMetrics } from '#shared/domain/comparison.ts';
import type { CurvePoint, Job } from '#shared/domain/job.ts';
import { addModel, getLabelSet, newId, promoteModel, saveJob, type Project } from '#main/library/index.ts';
import { variant } from '#main/model/variants.ts';

/**
 * Writes runs of Improve into a project's library as the services leave them: a first model in use, one that is no gain, and one whose
 * promotion is proposed, each with its curve and comparison. For looking at windows; the models have no weights.
 */
export function addFinishedRuns(project: Project): void {
  const { labels } = getLabelSet(project.read);
  const random = new Random(5);
  const measured = (level: number): CaseMetrics[] =>
    Array.from({ length: 6 }, (_, index) => ({
      caseId: `held out ${String(index)}`,
      metrics: labels.map(({ value }) => ({
        label: value,
        dice: Math.min(0.98, level + 0.03 * random.normal() - 0.004 * value),
        hd95: 3 + random.uniform(0, 4),
        truthMillilitres: 100,
        predictionMillilitres: 104,
        volumeError: 0.04,
      })),
    }));
  let before: { readonly id: string; readonly metrics: readonly CaseMetrics[] } | null = null;
  for (const [index, level] of [0.78, 0.775, 0.86].entries()) {
    const [id, jobId, after] = [newId(), newId(), measured(level)];
    const at = new Date(Date.UTC(2026, 8, 1 + 7 * index, 9)).toISOString();
    const comparison = compareModels({
      beforeModelId: before?.id ?? null,
      afterModelId: id,
      before: before?.metrics ?? null,
      after,
      labelNames: new Map(labels.map(({ value, name }) => [value, name])),
    });
    const job: Job = {
      id: jobId,
      kind: 'improve',
      state: 'done',
      priority: 'background',
      title: 'Improve the model (1 h)',
      phase: 'Done',
      fraction: 1,
      remainingSeconds: 0,
      createdAt: at,
      startedAt: at,
      endedAt: at,
      error: null,
      attempt: 1,
      canResume: false,
      modelId: id,
    };
    saveJob(project.write, job);
    const folder = project.paths.job(jobId);
    mkdirSync(folder, { recursive: true });
    const points = Array.from({ length: 60 }, (_, step): CurvePoint => ({
      step: step * 10,
      seconds: step * 60,
      loss: 1.6 * Math.exp(-step / 15) + 0.4,
      learningRate: 1e-3,
      dice:
        step % 5 === 0 ? Object.fromEntries(labels.map(({ name, value }) => [name, level * (1 - Math.exp(-step / (8 + value)))])) : null,
    }));
    const alarm = {
      at,
      severity: 'info',
      message:
        "Pre-training on 2140 slices of 38 scans with 16 clusterers of up to 62 clusters: the pre-training head then adds 48% to the network's arithmetic, and a step takes 2.3 GiB.",
    };
    writeFileSync(
      join(folder, 'log.jsonl'),
      [...points.map((point) => ({ point })), { alarm }].map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
    writeFileSync(join(folder, 'result.json'), JSON.stringify({ modelId: id, comparison }));
    writeFileSync(join(folder, 'adopted'), '');
    addModel(project.write, {
      id,
      name: `Model ${String(index + 1)}`,
      variant: 'small',
      weightsHash: '0'.repeat(64),
      parameters: 4_210_000,
      trainingCases: 12 + 5 * index,
      dice: comparison.meanAfter,
      jobId,
      card: {
        format: 1,
        variant: 'small',
        architecture: variant('small', labels.length + 1),
        labelSet: { labels },
        classToLabel: [0, ...labels.map(({ value }) => value)],
        spacing: [1.5, 1.5, 2],
        patch: [80, 64, 64],
        intensity: { kind: 'window', low: -175, high: 250 },
        datasetHash: 'f'.repeat(64),
        history: [{ startedAt: at, minutes: 60, steps: 600, seed: 0, cases: 12 + 5 * index, validationDice: {} }],
      },
    });
    if (before === null) promoteModel(project.write, id);
    before ??= { id, metrics: after };
  }
}
