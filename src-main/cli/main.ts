import { openLog } from '#main/host/logFile.ts';
import { appFolders } from '#main/project/appFolders.ts';
import { commands } from './commands/index.ts';
import { runCommandLine } from './run.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.on('SIGTERM', () => interrupt.abort()); // schedulers send it more than once

process.exitCode = await runCommandLine(process.argv.slice(2), process, interrupt.signal, commands, openLog(appFolders().logs));
