import { resolve } from 'node:path';
import { dayOf } from '#shared/domain/scanDate.ts';
import { projectVolumes, startInProject, tellProjectOfScans } from '#main/project/followUp/headless.ts';
import { defineCommand, usageError } from '../command.ts';
import { figure, textTable } from './shared.ts';

export const projectVolumesCommand = defineCommand({
  name: 'project volumes',
  summary: 'Show the volume of each label over time, by patient, as accepted last; without names and dates unless asked for.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    patient: {
      kind: 'list',
      help: 'a patient: id or name of one of its cases, or the number that the hospital gave; all unless given',
      value: 'PATIENT',
    },
    csv: { kind: 'text', help: 'also write a table of every scan and label', value: 'FILE' },
    identify: { kind: 'flag', help: 'keep names and dates (else pseudonyms, and days since the first scan)' },
    overwrite: { kind: 'flag', help: 'replace a table of the same name' },
  },
  async run({ options, positionals: [folder = ''], note, cancellation, report }) {
    const { patients, pseudonyms } = await projectVolumes(
      resolve(folder),
      {
        patients: options.patient,
        csv: options.csv === undefined ? null : resolve(options.csv),
        identify: options.identify,
        overwrite: options.overwrite,
      },
      { cancellation, report },
    );
    if (pseudonyms !== null) note(`Who is who, on this computer alone: ${pseudonyms}`);
    const text = patients.map(({ patient, scans }) => {
      const names = scans.find(({ labels }) => labels !== null)?.labels?.map(({ name }) => `${name}, ml`) ?? [];
      const rows = scans.map(({ name, date, day, labels }) => [
        name,
        date ?? (day === null ? '–' : `day ${String(day)}`),
        ...names.map((_, n) => figure(labels?.[n]?.millilitres, 2)),
      ]);
      return `${patient}\n${textTable(['', options.identify ? 'date' : 'day', ...names], rows)}`;
    });
    return { json: { patients }, text: text.join('\n\n') || 'The project has no cases yet.' };
  },
});

export const projectPatientCommand = defineCommand({
  name: 'project patient',
  summary: 'Say which cases are scans of one patient, and when each was made, as one step of the project history.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    case: { kind: 'list', help: 'id or name of a case', value: 'CASE' },
    same: { kind: 'flag', help: 'they are scans of one patient, with all that are known as scans of theirs' },
    alone: { kind: 'flag', help: 'each is the only scan of its patient' },
    date: { kind: 'text', help: 'the day on which they were made', value: 'YYYY-MM-DD' },
  },
  async run({ options, positionals: [folder = ''] }) {
    if (options.case.length === 0) throw usageError('--case is missing: see "logonet project patient --help".');
    if (options.same && options.alone) throw usageError('--same and --alone say opposite things.');
    const date = options.date === undefined ? undefined : dayOf(options.date);
    if (date === null) throw usageError(`--date is written YYYY-MM-DD, e.g. 2025-03-01, not "${options.date ?? ''}".`);
    if (!options.same && !options.alone && date === undefined) throw usageError('Say --same, --alone or --date.');
    const cases = await tellProjectOfScans(resolve(folder), {
      cases: options.case,
      ...((options.same || options.alone) && { samePatient: options.same }),
      date,
    });
    return {
      json: { cases },
      text: cases.map(({ caseId, name, date: day }) => `${caseId}  ${name}${day === null ? '' : `  ${day}`}`).join('\n'),
    };
  },
});

export const projectStartCommand = defineCommand({
  name: 'project start',
  summary:
    "Make the mask of another scan of the patient the start of a case's mask, as one step that undo takes back; nothing is accepted.",
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    case: { kind: 'text', help: 'id or name of the case to begin', value: 'CASE', required: true },
    from: { kind: 'text', help: 'id or name of the scan whose mask is taken', value: 'CASE', required: true },
  },
  async run({ options, positionals: [folder = ''], cancellation, report }) {
    const started = await startInProject(resolve(folder), options.case, options.from, { cancellation, report });
    return { json: { ...started }, text: `${started.name}: ${started.voxels.toLocaleString('en')} voxels changed.` };
  },
});
