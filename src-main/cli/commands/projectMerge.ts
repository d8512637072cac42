import { resolve } from 'node:path';
import { mergeIntoProject } from '#main/project/headlessCarry.ts';
import { defineCommand } from '../command.ts';
import { figure, textTable } from './shared.ts';

export const projectMergeCommand = defineCommand({
  name: 'project merge',
  summary: "Take a second reader's masks, of the cases with the same images, beside your own; lists how far they agree.",
  positionals: { name: 'DIR OTHER', minimum: 2, maximum: 2 },
  options: {
    reader: { kind: 'text', help: 'what the other reader is called; who accepted the masks there unless given', value: 'NAME' },
  },
  async run({ options, positionals: [folder = '', other = ''], report, note, cancellation }) {
    const { merged, agreement } = await mergeIntoProject(resolve(folder), resolve(other), options.reader, { report, cancellation });
    for (const { name, reason } of merged.skipped) note(`no reading of ${name}: ${reason}`);
    if (merged.newLabels.length > 0) note(`new labels: ${merged.newLabels.join(', ')}`);
    const rows = agreement.cases.flatMap(({ caseName, reader, revision, labels, dice, hd95, failure }) =>
      failure !== null || revision === null
        ? [[caseName, reader, failure ?? 'not accepted here yet', '', '']]
        : [
            ...labels.map((label) => [caseName, reader, label.name, figure(label.dice, 4), figure(label.hd95, 2)]),
            ...(labels.length > 1 ? [[caseName, reader, 'mean', figure(dice, 4), figure(hd95, 2)]] : []),
          ],
    );
    const means = [
      ...agreement.labels.map(({ name, cases, dice, hd95 }) => [`all (${String(cases)})`, '', name, figure(dice, 4), figure(hd95, 2)]),
      ['all', '', 'mean', figure(agreement.dice, 4), figure(agreement.hd95, 2)],
    ];
    return {
      json: { ...merged, agreement },
      text: [
        `${String(merged.added.length)} readings taken, ${String(merged.there)} were there, ${String(merged.skipped.length)} cases without one.`,
        ...(rows.length === 0 ? [] : [textTable(['case', 'reader', 'label', 'Dice', 'HD95 mm'], [...rows, ...means])]),
      ].join('\n'),
      failed: merged.added.length + merged.there === 0,
    };
  },
});
