import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { evaluateTask } from '#main/jobs/tasks/evaluate.ts';
import { datasetLabels } from '#main/jobs/tasks/trainingInput.ts';
import { defineCommand } from '../command.ts';
import { runTask } from '../runTask.ts';
import { figure, textTable } from './shared.ts';

export const evaluateCommand = defineCommand({
  name: 'evaluate',
  summary: 'Compare masks with the truth: Dice, HD95 and volume error per class and mean.',
  options: {
    truth: { kind: 'text', help: 'folder of true masks', value: 'DIR', required: true },
    prediction: { kind: 'text', help: 'folder of masks to measure, paired by file name', value: 'DIR', required: true },
    dataset: { kind: 'text', help: 'dataset.json that names the labels', value: 'FILE' },
  },
  async run(command) {
    const { options } = command;
    const result = await runTask(evaluateTask, {
      truth: resolve(options.truth), prediction: resolve(options.prediction),
      labels: options.dataset === undefined ? undefined : await datasetLabels(options.dataset),
    }, command, { outFolder: tmpdir() });
    const rows = result.summary.map((row) => [row.name, String(row.cases), figure(row.dice, 4), figure(row.hd95, 2), row.volumeError === null ? '–' : `${(100 * row.volumeError).toFixed(1)}%`]);
    const table = textTable(['', 'cases', 'Dice', 'HD95 mm', '|volume error|'], [...rows, ['mean', String(result.cases.length), figure(result.meanDice, 4), figure(result.meanHd95, 2), '']]);
    return { json: { ...result }, text: table };
  },
});
