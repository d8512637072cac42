/** What commands do with the scans of patients. */
import { dirname } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { noteScans, patientKeyOf } from '#main/exchange/patientScans.ts';
import { keepPseudonyms } from '#main/exchange/pseudonymFile.ts';
import { deidentified, volumesOverTime, writeVolumesOverTime, type PatientVolumes } from '#main/exchange/volumesOverTime.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import { everyCase, imagePaths, listImages, recordEvent, type Project } from '#main/library/index.ts';
import { withProject, type HeadlessOptions } from '../headless.ts';
import { caseOf } from '../headlessCare.ts';
import { tellOfScans, type ToldOfScans } from './patients.ts';
import { startFrom } from './startFrom.ts';

export interface VolumesRequest {
  /** Ids or names of cases, or numbers that a hospital gave; none: all patients. */
  readonly patients: readonly string[];
  /** With names and dates. */
  readonly identify: boolean;
  /** Absolute path of a table to write. */
  readonly csv: string | null;
  readonly overwrite: boolean;
}

/** The volumes of labels over time, by patient. Throws `not-found`, `conflict`, `disk-full`, `io`. */
export function projectVolumes(
  folder: string,
  { patients, identify, csv, overwrite }: VolumesRequest,
  { cancellation }: HeadlessOptions,
): Promise<{ readonly patients: readonly PatientVolumes[]; readonly pseudonyms: string | null }> {
  return withProject(folder, async ({ project, dataFolder }) => {
    const all = everyCase(project.read);
    const wanted = patients.length === 0 ? all : patients.flatMap((patient) => casesOf(project, patient));
    // One case stands for its patient.
    const one = [...new Map(wanted.map((each) => [each.patientKey ?? each.id, each])).values()];
    const keys = new Set(one.map(({ patientKey }) => patientKey));
    const ids = all.filter(({ id, patientKey }) => (patientKey === null ? one.some((each) => each.id === id) : keys.has(patientKey)));
    await noteScans(
      project,
      ids.map(({ id }) => id),
      cancellation,
    );
    const named = one
      .map(({ id, name }) => ({ patient: name, scans: volumesOverTime(project, id) }))
      .filter(({ scans }) => scans.length > 0);
    const shown = identify
      ? named.map((each) => ({ ...each, patient: each.scans[0]?.name ?? each.patient }))
      : named.map((each) => deidentified(each, project));
    if (csv === null) return { patients: shown, pseudonyms: null };
    const inputs = listImages(project.read).flatMap((image) => imagePaths(project.paths, image));
    await claimOutputs([csv], { inputs, overwrite });
    await writeVolumesOverTime(csv, shown);
    const caseIds = named.flatMap(({ scans }) => scans.map(({ caseId }) => caseId));
    recordEvent(project.write, {
      kind: 'export',
      message: `Volumes over time of ${String(named.length)} ${named.length === 1 ? 'patient' : 'patients'} exported.`,
      detail: { format: 'volumes', deidentified: !identify, caseIds: caseIds.slice(0, 1000) },
    });
    const written = { files: [{ caseId: null, path: csv, bytes: 0, verified: true, differingVoxels: null, message: '' }], failures: [] };
    const pseudonyms = await keepPseudonyms(dataFolder, project, { deidentify: !identify, caseIds, destination: dirname(csv) }, written);
    return { patients: shown, pseudonyms };
  });
}

/** The cases of a patient that is named by one of them, or by the number that the hospital gave. Throws `not-found`. */
function casesOf(project: Project, patient: string): ReturnType<typeof everyCase> {
  const all = everyCase(project.read);
  const byNumber = all.filter(({ patientKey }) => patientKey === patientKeyOf(project, patient.trim()));
  if (byNumber.length > 0) return byNumber;
  const id = caseOf(project.read, patient);
  const byCase = all.filter((each) => each.id === id);
  if (byCase.length > 0) return byCase;
  throw new StudioError('not-found', `No patient has the number “${patient}” here, and no case has that id or name.`);
}

/** Answers with the names of the cases that changed. */
export function tellProjectOfScans(
  folder: string,
  { cases, ...told }: Omit<ToldOfScans, 'caseIds'> & { readonly cases: readonly string[] },
): Promise<readonly { readonly caseId: string; readonly name: string; readonly date: string | null }[]> {
  return withProject(folder, ({ project }) => {
    const changed = new Set(tellOfScans(project, { ...told, caseIds: cases.map((wanted) => caseOf(project.read, wanted)) }));
    return Promise.resolve(
      everyCase(project.read)
        .filter(({ id }) => changed.has(id))
        .map(({ id, name, scanDate }) => ({ caseId: id, name, date: scanDate })),
    );
  });
}

/** `from` and `wanted` are ids or names. */
export function startInProject(
  folder: string,
  wanted: string,
  from: string,
  { cancellation }: HeadlessOptions,
): Promise<{ readonly name: string; readonly voxels: number }> {
  return withProject(folder, (session) =>
    startFrom(session, caseOf(session.project.read, wanted), caseOf(session.project.read, from), cancellation),
  );
}
