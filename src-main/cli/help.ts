import { commonOptions } from './arguments.ts';
import type { Command, OptionSpecification } from './command.ts';

function optionLines([name, option]: readonly [string, OptionSpecification]): readonly [string, string] {
  const value =
    option.kind === 'flag'
      ? ''
      : ` ${option.choices?.join('|') ?? option.value ?? (option.kind === 'text' || option.kind === 'list' ? 'TEXT' : 'N')}`;
  const remark = option.required === true ? ' (required)' : option.default !== undefined ? ` (default ${option.default})` : '';
  return [`--${name}${value}`, option.help + remark];
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) => (left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}` : `  ${left.padEnd(width)}  ${right}`))
    .join('\n');
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...commonOptions });
  const positionals =
    command.positionals === undefined
      ? ''
      : ` ${command.positionals.minimum === 0 ? `[${command.positionals.name}]` : command.positionals.name}`;
  return `logonet ${command.name} [options]${positionals}\n${command.summary}\n\n${table(options.map(optionLines))}`;
}

/** The list of all commands. */
export function overview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [command.name, command.summary] as const);
  return `logonet <command> [options]\n\n${table(rows)}\n\nEvery command knows --help and --json. Exit code: 0 done, 1 failed, 2 wrong usage.`;
}
