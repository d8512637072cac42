import type { CaseId, PredictionId } from '#shared/domain/ids.ts';
import type { PredictionRecord } from '#shared/domain/mask.ts';
import type { ReadHandle, WriteHandle } from '../handle.ts';
import { newId } from '../newId.ts';
import { getCase, setCaseStatus } from './cases.ts';
import { recordEvent } from './events.ts';

interface Row {
  id: string;
  case_id: string;
  model_id: string;
  path: string;
  uncertainty_path: string | null;
  content_hash: string;
  weights_hash: string;
  uncertainty: number;
  labels: string;
  created_at: string;
}

function toPrediction(row: Row): PredictionRecord {
  return {
    id: row.id,
    caseId: row.case_id,
    modelId: row.model_id,
    path: row.path,
    uncertaintyPath: row.uncertainty_path,
    contentHash: row.content_hash,
    weightsHash: row.weights_hash,
    uncertainty: row.uncertainty,
    labels: JSON.parse(row.labels) as number[],
    createdAt: row.created_at,
  };
}

/** Adds a prediction; an unlabelled case becomes predicted, any other keeps its status. Throws `conflict` for an unknown case or model. */
export function addPrediction(write: WriteHandle, prediction: Omit<PredictionRecord, 'id' | 'createdAt'>): PredictionId {
  const id = newId();
  write.transaction(() => {
    write.run(
      `INSERT INTO prediction (id, case_id, model_id, path, uncertainty_path, content_hash, weights_hash, uncertainty, labels, created_at)
       VALUES ($id, $caseId, $modelId, $path, $uncertaintyPath, $contentHash, $weightsHash, $uncertainty, $labels, $at)`,
      { ...prediction, id, labels: JSON.stringify(prediction.labels), at: new Date().toISOString() },
    );
    write.run('UPDATE cases SET has_prediction = 1, uncertainty = $uncertainty WHERE id = $caseId', {
      caseId: prediction.caseId,
      uncertainty: prediction.uncertainty,
    });
    recordEvent(write, {
      kind: 'prediction',
      caseId: prediction.caseId,
      modelId: prediction.modelId,
      weightsHash: prediction.weightsHash,
      message: 'Predicted.',
      detail: { contentHash: prediction.contentHash },
    });
    if (getCase(write, prediction.caseId).status === 'unlabelled') setCaseStatus(write, prediction.caseId, 'predicted');
  });
  return id;
}

/** The newest prediction of a case; with `modelId`, of that model. */
export function latestPrediction(read: ReadHandle, caseId: CaseId, modelId?: string): PredictionRecord | undefined {
  const row =
    modelId === undefined
      ? read.get<Row>('SELECT * FROM prediction WHERE case_id = $caseId ORDER BY created_at DESC, id DESC LIMIT 1', { caseId })
      : read.get<Row>(
          'SELECT * FROM prediction WHERE case_id = $caseId AND model_id = $modelId ORDER BY created_at DESC, id DESC LIMIT 1',
          { caseId, modelId },
        );
  return row === undefined ? undefined : toPrediction(row);
}

const replaced = `SELECT * FROM prediction AS one WHERE EXISTS (SELECT 1 FROM prediction AS newer WHERE newer.case_id = one.case_id
  AND (newer.created_at > one.created_at OR (newer.created_at = one.created_at AND newer.id > one.id)))`;

/** Predictions that newer ones of the same case have replaced: nothing shows or uses them. */
export function replacedPredictions(read: ReadHandle): PredictionRecord[] {
  return read.all<Row>(replaced).map(toPrediction);
}

export function dropReplacedPredictions(write: WriteHandle): void {
  write.run(`DELETE FROM prediction WHERE id IN (SELECT id FROM (${replaced}))`);
}
