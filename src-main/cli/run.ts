import { toWireError } from '#shared/base/errors.ts';
import { silentLog, type Log } from '#shared/base/log.ts';
import { findCommand, parseArguments } from './arguments.ts';
import { commands } from './commands/index.ts';
import type { Command } from './command.ts';
import { commandHelp, overview } from './help.ts';
import { ProgressBar } from './progressBar.ts';

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: NodeJS.WriteStream;
}

/**
 * Runs one command line and returns its exit code: 0 done, 1 failed, 2 wrong usage. With `--json` stdout receives exactly one JSON
 * object, also on failure (`{"error": {code, message}}`); every error is one sentence on stderr.
 */
export async function runCommandLine(
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal,
  registry: readonly Command[] = commands,
  log: Log = silentLog,
): Promise<number> {
  const bar = new ProgressBar(streams.stderr);
  const json = args.includes('--json');
  try {
    if (args.length === 0 || args[0] === '--help' || args[0] === 'help') {
      streams.stdout.write(`${overview(registry)}\n`);
      return args.length === 0 ? 2 : 0;
    }
    const { command, rest } = findCommand(registry, args);
    const { options, positionals } = parseArguments(command, rest);
    if (options['help'] === true) {
      streams.stdout.write(`${commandHelp(command)}\n`);
      return 0;
    }
    const result = await command.run({
      options: options as Parameters<Command['run']>[0]['options'],
      positionals,
      report: bar.report,
      note: bar.note,
      cancellation: signal,
      log,
    });
    bar.clear();
    const isError = (result.exitCode ?? 0) !== 0;
    (isError && !json ? streams.stderr : streams.stdout).write(json ? `${JSON.stringify(result.json)}\n` : `${result.text}\n`);
    return result.exitCode ?? (result.failed === true ? 1 : 0);
  } catch (error) {
    bar.clear();
    const wire = toWireError(error);
    streams.stderr.write(`logonet: ${wire.message}\n`);
    if (wire.code === 'internal' && wire.detail !== undefined) streams.stderr.write(`${wire.detail}\n`);
    if (json) streams.stdout.write(`${JSON.stringify({ error: { code: wire.code, message: wire.message } })}\n`);
    return wire.code === 'usage' ? 2 : 1;
  }
}
