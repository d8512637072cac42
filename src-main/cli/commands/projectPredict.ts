import { StudioError } from '#shared/base/errors.ts';
import { defineCommand } from '../command.ts';
import { withProject } from '../withProject.ts';
import { figure, textTable } from './shared.ts';

export const projectPredictCommand = defineCommand({
  name: 'project predict',
  summary: "Predict a project's open cases with the model in use; masks that people made stay as they are.",
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {
    case: { kind: 'list', help: 'id of a case; all that are not accepted yet unless given', value: 'ID' },
    model: { kind: 'text', help: 'id of another model than the one in use', value: 'ID' },
  },
  run: (command) =>
    withProject(command.positionals[0] ?? '.', command, async ({ library, predictions, call, follow }) => {
      const { options } = command;
      const open: string[] = [...options.case];
      while (options.case.length === 0) {
        const { cases, total } = await library.list(
          {
            text: '',
            sort: 'name',
            descending: false,
            statuses: ['unlabelled', 'predicted', 'inCorrection'],
            offset: open.length,
            limit: 1000,
          },
          call,
        );
        open.push(...cases.map(({ id }) => id));
        if (open.length >= total) break;
      }
      if (open.length === 0) return { json: { predicted: [] }, text: 'No case is open: all are accepted or excluded.' };
      const { jobId } = await predictions.runMany({ caseIds: open, ...(options.model !== undefined && { modelId: options.model }) }, call);
      const job = await follow(jobId);
      if (job.state !== 'done')
        throw new StudioError(
          job.error?.code ?? 'cancelled',
          job.error?.message ?? 'Stopped before all cases were predicted; what was predicted stays.',
        );
      const predicted: { caseId: string; name: string; uncertainty: number | null }[] = [];
      for (const caseId of open) {
        const { case: row } = await library.get({ caseId }, call);
        if (row.hasPrediction) predicted.push({ caseId, name: row.name, uncertainty: row.uncertainty });
      }
      const rows = predicted.map(({ name, caseId, uncertainty }) => [name, caseId, figure(uncertainty, 3)]);
      const left = open.length - predicted.length;
      return {
        json: { predicted },
        failed: predicted.length === 0,
        text: `${textTable([`${predicted.length} predicted`, 'id', 'mean uncertainty, 0 to 1'], rows)}${left === 0 ? '' : `\n${left} could not be predicted; the project's list of problems names the reasons.`}`,
      };
    }),
});
