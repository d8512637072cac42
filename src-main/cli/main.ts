import { runCommandLine } from './run.ts';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
process.once('SIGTERM', () => interrupt.abort());

process.exitCode = await runCommandLine(process.argv.slice(2), process, interrupt.signal);
