import { resolve } from 'node:path';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { csvLine } from '#main/files/csv.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import type { EvaluateTaskResult } from '#main/jobs/requests/evaluate.ts';
import { runHere } from '#main/jobs/run.ts';
import { datasetLabels } from '#main/project/trainingInput.ts';
import { defineCommand } from '../command.ts';
import { figure, textTable } from './shared.ts';

export const evaluateCommand = defineCommand({
  name: 'evaluate',
  summary: 'Compare masks with the truth: Dice, HD95 and volume error per class and mean.',
  options: {
    truth: { kind: 'text', help: 'folder of true masks', value: 'DIR', required: true },
    prediction: { kind: 'text', help: 'folder of masks to measure, paired by file name', value: 'DIR', required: true },
    dataset: { kind: 'text', help: 'dataset.json that names the labels', value: 'FILE' },
    missing: {
      kind: 'text',
      help: 'a truth without a prediction that can be compared counts as Dice 0, or not at all',
      choices: ['zero', 'leave-out'],
      default: 'zero',
    },
    csv: { kind: 'text', help: 'also write a table of every case and label', value: 'FILE' },
    overwrite: { kind: 'flag', help: 'replace a table of the same name' },
  },
  async run(command) {
    const { options, note } = command;
    const csv = options.csv === undefined ? null : resolve(options.csv);
    if (csv !== null) await claimOutputs([csv], { inputs: [options.truth, options.prediction], overwrite: options.overwrite });
    const result = await runHere(
      'evaluate',
      {
        truth: resolve(options.truth),
        prediction: resolve(options.prediction),
        labels: options.dataset === undefined ? undefined : await datasetLabels(options.dataset),
        missing: options.missing === 'leave-out' ? 'leave-out' : 'zero',
      },
      command,
    );
    if (csv !== null) await writeFileAtomically(csv, table(result));
    for (const name of result.missing.cases)
      note(`${name}: no prediction that can be compared; ${result.missing.rule === 'zero' ? 'counts as Dice 0' : 'left out'}.`);
    for (const name of result.extra) note(`${name}: a prediction without a truth; not measured.`);
    for (const { label, cases } of result.extraLabels)
      note(`Label ${label} is in no truth; it counts as Dice 0 in ${cases.length === 1 ? (cases[0] ?? '') : `${cases.length} cases`}.`);
    const rows = result.summary.map((row) => [
      row.name,
      String(row.cases),
      figure(row.dice, 4),
      row.interval === null || row.cases < 2 ? '–' : `${figure(row.interval.low, 3)} to ${figure(row.interval.high, 3)}`,
      figure(row.hd95, 2),
      row.volumeError === null ? '–' : `${(100 * row.volumeError).toFixed(1)}%`,
    ]);
    const shown = textTable(
      ['', 'cases', 'Dice', '95% over cases', 'HD95 mm', '|volume error|'],
      [...rows, ['mean', String(result.cases.length), figure(result.meanDice, 4), '', figure(result.meanHd95, 2), '']],
    );
    return { json: { ...result }, text: shown };
  },
});

function table({ cases, summary }: EvaluateTaskResult): string {
  const nameOf = new Map(summary.map(({ label, name }) => [label, name]));
  const lines = cases.flatMap(({ name, labels }) =>
    labels.map(({ label, dice, hd95, truthMillilitres, predictionMillilitres }) =>
      csvLine([
        name,
        label,
        nameOf.get(label) ?? '',
        dice?.toFixed(6) ?? '',
        hd95?.toFixed(4) ?? '',
        truthMillilitres.toFixed(4),
        predictionMillilitres.toFixed(4),
      ]),
    ),
  );
  return `${['case,label,name,dice,hd95_mm,truth_ml,prediction_ml', ...lines].join('\r\n')}\r\n`;
}
