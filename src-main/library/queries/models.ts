import { StudioError } from '#shared/base/errors.ts';
import type { ModelId } from '#shared/domain/ids.ts';
import type { CaseMetric, ModelRecord } from '#shared/domain/model.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { recordEvent } from './events.ts';

interface Row {
  id: string;
  name: string;
  variant: string;
  card: string;
  weights_hash: string;
  parameters: number | null;
  training_cases: number;
  dice: number | null;
  job_id: string | null;
  created_at: string;
  promoted: number;
  was_promoted: number;
}

// The newest promotion that is still in force names the promoted model; rolling back takes it out of force.
const select = `
  SELECT model.*,
    id IS (SELECT model_id FROM promotion WHERE in_force = 1 ORDER BY sequence DESC LIMIT 1) AS promoted,
    EXISTS (SELECT 1 FROM promotion WHERE model_id = id) AS was_promoted
  FROM model`;

function toModel(row: Row): ModelRecord {
  return {
    id: row.id,
    name: row.name,
    variant: row.variant,
    card: JSON.parse(row.card) as ModelRecord['card'],
    weightsHash: row.weights_hash,
    parameters: row.parameters,
    trainingCases: row.training_cases,
    dice: row.dice,
    promoted: row.promoted === 1,
    wasPromoted: row.was_promoted === 1,
    jobId: row.job_id,
    createdAt: row.created_at,
  };
}

/** Adds a model whose card and weights are on disk already. `id` where its folder has been named before. */
export function addModel(
  write: WriteHandle,
  model: Omit<ModelRecord, 'id' | 'promoted' | 'wasPromoted' | 'createdAt'> & { readonly id?: ModelId },
): ModelId {
  const id = model.id ?? newId();
  write.transaction(() => {
    write.run(
      `INSERT INTO model (id, name, variant, card, weights_hash, parameters, training_cases, dice, job_id, created_at)
       VALUES ($id, $name, $variant, $card, $weightsHash, $parameters, $trainingCases, $dice, $jobId, $at)`,
      { ...model, id, card: JSON.stringify(model.card), at: new Date().toISOString() },
    );
    recordEvent(write, { kind: 'model-added', modelId: id, weightsHash: model.weightsHash, message: `Model “${model.name}” added.` });
  });
  return id;
}

/** Throws `not-found`. */
export function getModel(read: ReadHandle, id: ModelId): ModelRecord {
  const row = read.get<Row>(`${select} WHERE id = $id`, { id });
  if (row === undefined) throw new StudioError('not-found', 'This model is not in the project.', { detail: id });
  return toModel(row);
}

/** Newest first. */
export function listModels(read: ReadHandle): ModelRecord[] {
  return read.all<Row>(`${select} ORDER BY created_at DESC, id DESC`).map(toModel);
}

export function promotedModel(read: ReadHandle): ModelRecord | undefined {
  return listModels(read).find((model) => model.promoted);
}

/** Makes this model the one that predicts. Throws `not-found`. */
export function promoteModel(write: WriteHandle, id: ModelId): void {
  write.transaction(() => {
    const model = getModel(write, id);
    if (model.promoted) return;
    write.run('INSERT INTO promotion (model_id, in_force, at) VALUES ($id, 1, $at)', { id, at: new Date().toISOString() });
    recordEvent(write, { kind: 'promotion', modelId: id, weightsHash: model.weightsHash, message: `Model “${model.name}” promoted.` });
  });
}

/** Returns to the model that was promoted before. Throws `conflict` when there is none. */
export function rollBackModel(write: WriteHandle): ModelRecord {
  return write.transaction(() => {
    const [now, before] = write.all<{ sequence: number; model_id: string }>(
      'SELECT sequence, model_id FROM promotion WHERE in_force = 1 ORDER BY sequence DESC LIMIT 2',
    );
    if (now === undefined || before === undefined) throw new StudioError('conflict', 'There is no earlier model to return to.');
    write.run('UPDATE promotion SET in_force = 0 WHERE sequence = $sequence', { sequence: now.sequence });
    const model = getModel(write, before.model_id);
    recordEvent(write, {
      kind: 'rollback',
      modelId: model.id,
      weightsHash: model.weightsHash,
      message: `Back to model “${model.name}”.`,
      detail: { from: now.model_id },
    });
    return model;
  });
}

interface MetricRow {
  model_id: string;
  case_id: string;
  label: number;
  dice: number | null;
  hd95: number | null;
  volume_error: number | null;
}

/** Adds or replaces how a model did per case and label. */
export function setMetrics(write: WriteHandle, metrics: readonly CaseMetric[]): void {
  write.transaction(() => {
    for (const metric of metrics) {
      write.run(
        `INSERT INTO metric (model_id, case_id, label, dice, hd95, volume_error) VALUES ($modelId, $caseId, $label, $dice, $hd95, $volumeError)
         ON CONFLICT DO UPDATE SET dice = excluded.dice, hd95 = excluded.hd95, volume_error = excluded.volume_error`,
        { ...metric },
      );
    }
  });
}

export function listMetrics(read: ReadHandle, modelId: ModelId): CaseMetric[] {
  return read.all<MetricRow>('SELECT * FROM metric WHERE model_id = $modelId ORDER BY case_id, label', { modelId }).map((row) => ({
    modelId: row.model_id,
    caseId: row.case_id,
    label: row.label,
    dice: row.dice,
    hd95: row.hd95,
    volumeError: row.volume_error,
  }));
}
