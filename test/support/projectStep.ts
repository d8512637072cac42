/** Does one thing to a project in a process that may be killed: node projectStep.ts FOLDER DATA remove|edit|undo CASE|FROM,INTO */
import { resolve } from 'node:path';
import { silentLog } from '#shared/base/log.ts';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { editEverywhere } from '#main/project/care/everywhere.ts';
import { undoStep } from '#main/project/care/projectHistory.ts';
import { removeCases } from '#main/project/care/removal.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import { Workbench } from '#main/project/workbench.ts';

const [folder = '', data = '', what = '', argument = ''] = process.argv.slice(2);
const workbench = new Workbench({
  publish: () => undefined,
  log: silentLog,
  settings: new SettingsKeeper(data),
  devices: { chosen: 'cpu' },
  runsJobs: false,
});
const session = await workbench.open(resolve(folder));
const options = { cancellation: neverCancelled, report: ignoreProgress };
if (what === 'remove') await removeCases(session, [argument], false);
if (what === 'edit') {
  const [from, into] = argument.split(',');
  await editEverywhere(session, { from: Number(from), into: into === '' ? null : Number(into) }, options);
}
if (what === 'undo') await undoStep(session, options);
await workbench.close();
