import { resolve } from 'node:path';
import { memorySize } from '#shared/base/bytes.ts';
import { removeFromProject } from '#main/project/headlessCare.ts';
import { defineCommand, usageError } from '../command.ts';

export const projectRemoveCommand = defineCommand({
  name: 'project remove',
  summary:
    'Remove cases for good, with images, masks, history and what is prepared of them; shows what would go unless --for-good is given.',
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    case: { kind: 'list', help: 'id or name of a case', value: 'CASE' },
    patients: { kind: 'flag', help: 'also all other cases of the same patients' },
    'for-good': { kind: 'flag', help: 'do it; it cannot be taken back' },
  },
  async run({ options, positionals: [folder = ''], note }) {
    if (options.case.length === 0) throw usageError('--case is missing: see "logonet project remove --help".');
    const forGood = options['for-good'];
    const plan = await removeFromProject(resolve(folder), { cases: options.case, patients: options.patients, forGood }, { note });
    const count = (n: number, one: string, many = `${one}s`): string => `${String(n)} ${n === 1 ? one : many}`;
    const bytes = plan.copies.bytes + plan.caseFiles.bytes;
    const models = plan.learnedModels.map(({ name, inUse }) => (inUse ? `${name} (in use)` : name));
    const text = [
      `${forGood ? 'Removed' : 'Would be removed'}: ${plan.cases.map(({ caseId, name }) => `${name} (${caseId})`).join(', ')}.`,
      `${count(plan.revisions, 'accepted mask')}, ${count(plan.copies.files, 'file')} of images, ${count(plan.caseFiles.files, 'file')} of masks and predictions: ${memorySize(bytes)}.`,
      'One new backup of the library takes the place of all earlier ones.',
      ...(plan.referencedFiles > 0
        ? [
            `${count(plan.referencedFiles, 'original file')} outside the project ${plan.referencedFiles === 1 ? 'stays' : 'stay'}, and so does what was exported.`,
          ]
        : []),
      ...(plan.jobs > 0 ? [`${count(plan.jobs, 'job')}: what is prepared of the cases goes.`] : []),
      ...(plan.backbone ? ['What was pre-trained on scans goes, and is made again by the next improvement.'] : []),
      ...(models.length > 0 ? [`Learned from it, and stay as they are: ${models.join(', ')}.`] : []),
      ...(plan.others.length > 0
        ? [`Of the same patients, and stay: ${plan.others.map(({ name }) => name).join(', ')} (--patients takes them, too).`]
        : []),
      ...(forGood ? [] : ['Nothing was removed yet: give --for-good to do it.']),
    ];
    return { json: { removed: forGood, ...plan }, text: text.join('\n') };
  },
});
