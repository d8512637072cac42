import type { Migration } from './migration.ts';

export const models: Migration = {
  version: 2,
  name: 'models, predictions and ranking',
  sql: `
    CREATE TABLE model (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      variant TEXT NOT NULL,
      card TEXT NOT NULL,
      weights_hash TEXT NOT NULL,
      parameters INTEGER,
      training_cases INTEGER NOT NULL,
      dice REAL,
      job_id TEXT,
      created_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE promotion (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      model_id TEXT NOT NULL REFERENCES model (id),
      in_force INTEGER NOT NULL CHECK (in_force IN (0, 1)),
      at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE prediction (
      id TEXT PRIMARY KEY,
      case_id TEXT NOT NULL REFERENCES cases (id),
      model_id TEXT NOT NULL REFERENCES model (id),
      path TEXT NOT NULL,
      uncertainty_path TEXT,
      content_hash TEXT NOT NULL,
      weights_hash TEXT NOT NULL,
      uncertainty REAL NOT NULL,
      labels TEXT NOT NULL,
      created_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX prediction_by_case ON prediction (case_id, created_at);

    CREATE TABLE metric (
      model_id TEXT NOT NULL REFERENCES model (id),
      case_id TEXT NOT NULL REFERENCES cases (id),
      label INTEGER NOT NULL,
      dice REAL,
      hd95 REAL,
      volume_error REAL,
      PRIMARY KEY (model_id, case_id, label)
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE cases ADD COLUMN has_prediction INTEGER NOT NULL DEFAULT 0 CHECK (has_prediction IN (0, 1));
    ALTER TABLE cases ADD COLUMN uncertainty REAL;
    ALTER TABLE cases ADD COLUMN rank INTEGER;
    ALTER TABLE cases ADD COLUMN score REAL;
    ALTER TABLE cases ADD COLUMN reason TEXT;
    CREATE INDEX cases_by_rank ON cases (rank);
    CREATE INDEX cases_by_uncertainty ON cases (uncertainty);
  `,
};
