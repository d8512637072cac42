/** The measurements of a case, in a file of its folder. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';
import { measurement } from '#shared/contract/measurements.ts';
import { measured, type Measurement } from '#shared/domain/measurement.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { csvLine } from '#main/files/csv.ts';
import { getCase, type Project } from '#main/library/index.ts';

const stored = v.strictObject({ format: v.literal(1), measurements: v.array(measurement) });

const fileOf = (project: Pick<Project, 'paths'>, caseId: string): string => join(project.paths.case(caseId), 'measurements.json');

/** None where none were made. Throws `not-found` for an unknown case, `corrupt`. */
export async function readMeasurements(project: Project, caseId: string): Promise<readonly Measurement[]> {
  getCase(project.read, caseId);
  const text = await readFile(fileOf(project, caseId), 'utf8').catch(() => null);
  if (text === null) return [];
  try {
    return v.parse(stored, JSON.parse(text)).measurements;
  } catch (cause) {
    throw new StudioError('corrupt', 'The measurements of this case are damaged. Measure again; the file is replaced then.', { cause });
  }
}

/** Resolves once they are on disk. Throws `not-found`, `disk-full`, `io`. */
export async function keepMeasurements(project: Project, caseId: string, measurements: readonly Measurement[]): Promise<void> {
  getCase(project.read, caseId);
  project.requireFolder();
  await mkdir(project.paths.case(caseId), { recursive: true });
  await writeFileAtomically(fileOf(project, caseId), JSON.stringify({ format: 1, measurements }));
}

export interface MeasuredCase {
  readonly name: string;
  readonly measurements: readonly Measurement[];
}

/** The same as a table (one line each) and as JSON with the points, in LPS millimetres. */
export async function exportMeasurements(
  paths: { readonly csv: string; readonly json: string },
  cases: readonly MeasuredCase[],
): Promise<void> {
  const rows = cases.flatMap(({ name, measurements }) =>
    measurements.map((each) => {
      const { value, unit } = measured(each);
      return [
        name,
        each.kind,
        Number(value.toFixed(3)),
        unit === '°' ? 'degrees' : unit === 'mm²' ? 'mm2' : unit,
        each.orientation,
        each.points.map((point) => point.map((n) => n.toFixed(2)).join(' ')).join('; '),
      ];
    }),
  );
  await writeFileAtomically(
    paths.csv,
    `${[['case', 'kind', 'value', 'unit', 'view', 'points (LPS mm)'], ...rows].map(csvLine).join('\n')}\n`,
  );
  await writeFileAtomically(
    paths.json,
    JSON.stringify(
      cases.map(({ name, measurements }) => ({ case: name, measurements: measurements.map((each) => ({ ...each, ...measured(each) })) })),
      null,
      2,
    ),
  );
}
