/** Who is one patient's and when a scan was made, as a person says it. */
import { StudioError } from '#shared/base/errors.ts';
import { getCase, listCases, newId, updateCase, type Project } from '#main/library/index.ts';
import { patientKeyOf } from '#main/exchange/patientScans.ts';
import { asCasesStep } from '../care/projectHistory.ts';

export interface ToldOfScans {
  readonly caseIds: readonly string[];
  /** True: all of them, and the other scans of their patients, are of one patient. False: each is the only scan of its patient. */
  readonly samePatient?: boolean | undefined;
  /** YYYY-MM-DD; null: nothing says it. */
  readonly date?: string | null | undefined;
}

/**
 * Notes what a person says of scans, as one step of the project's history. Answers with the cases that changed. Throws `not-found`, and `conflict` where some
 * of one patient's scans would be held out and others not.
 */
export function tellOfScans(project: Project, { caseIds, samePatient, date }: ToldOfScans): readonly string[] {
  const cases = caseIds.map((id) => getCase(project.read, id));
  const keys = new Set(cases.flatMap(({ patientKey }) => (patientKey === null ? [] : [patientKey])));
  const all =
    samePatient === true
      ? [
          ...new Map(
            [...cases, ...[...keys].flatMap((patientKey) => listCases(project.read, { patientKey, limit: 1000 }).cases)].map((each) => [
              each.id,
              each,
            ]),
          ).values(),
        ]
      : cases;
  const heldOut = all.find((each) => each.heldOut);
  const training = all.find((each) => !each.heldOut);
  if (samePatient === true && heldOut !== undefined && training !== undefined)
    throw new StudioError(
      'conflict',
      `“${heldOut.name}” is held out for validation and “${training.name}” is not; scans of one patient are held out together. Change that first.`,
    );
  const patientKey = samePatient === true ? ([...keys][0] ?? patientKeyOf(project, newId())) : null;
  return asCasesStep(
    project,
    all.map(({ id }) => id),
    () => {
      if (samePatient !== undefined) for (const { id } of all) updateCase(project.write, id, { patientKey });
      if (date !== undefined) for (const { id } of cases) updateCase(project.write, id, { scanDate: date });
      return all.map(({ id }) => id);
    },
  );
}
