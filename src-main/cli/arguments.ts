import { parseArgs } from 'node:util';
import { usageError } from './command.ts';
import type { Command, OptionSpecification, OptionSpecifications } from './command.ts';

export interface ParsedArguments {
  readonly options: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
}

/** Options that every command has. */
export const commonOptions = {
  json: { kind: 'flag', help: 'print exactly one JSON object on stdout; progress goes to stderr' },
  help: { kind: 'flag', help: 'show this help' },
} as const satisfies OptionSpecifications;

function convert(name: string, specification: OptionSpecification, text: string): string | number {
  if (specification.choices !== undefined && !specification.choices.includes(text) && specification.also?.(text) !== true) {
    throw usageError(`--${name} must be one of ${specification.choices.join(', ')}, not "${text}".`);
  }
  if (specification.kind !== 'number' && specification.kind !== 'integer') return text;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw usageError(`--${name} needs a number, not "${text}".`);
  if (specification.kind === 'integer' && !Number.isInteger(value)) throw usageError(`--${name} needs a whole number, not "${text}".`);
  if (specification.minimum !== undefined && value < specification.minimum)
    throw usageError(`--${name} must be at least ${specification.minimum}.`);
  if (specification.maximum !== undefined && value > specification.maximum)
    throw usageError(`--${name} must be at most ${specification.maximum}.`);
  return value;
}

/** The args after the command's name as typed options and positionals; `usage` with one sentence for every mistake. */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments {
  const specifications: OptionSpecifications = { ...command.options, ...commonOptions };
  const config = Object.fromEntries(
    Object.entries(specifications).map(([name, { kind }]) => [
      name,
      { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), multiple: kind === 'list' },
    ]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true });
  } catch (error) {
    throw usageError(`${(error instanceof Error ? error.message : String(error)).split('. ')[0]}: see "logonet ${command.name} --help".`);
  }
  const help = parsed.values['help'] === true;
  const options: Record<string, unknown> = {};
  for (const [name, specification] of Object.entries(specifications)) {
    const given = parsed.values[name];
    if (specification.kind === 'flag') options[name] = given === true;
    else if (specification.kind === 'list')
      options[name] = ((given as string[] | undefined) ?? []).map((text) => convert(name, specification, text));
    else if (typeof given === 'string') options[name] = convert(name, specification, given);
    else if (specification.required === true && !help) throw usageError(`--${name} is missing: see "logonet ${command.name} --help".`);
    else options[name] = specification.default;
  }
  if (!help) checkPositionals(command, parsed.positionals);
  return { options, positionals: parsed.positionals };
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const { name, minimum, maximum } = command.positionals ?? { name: '', minimum: 0, maximum: 0 };
  if (positionals.length < minimum) throw usageError(`${name} is missing: see "logonet ${command.name} --help".`);
  if (positionals.length > maximum)
    throw usageError(`"${positionals[maximum]}" is one argument too many: see "logonet ${command.name} --help".`);
}

/** The command that the first one or two args name, and the args left for it. */
export function findCommand(commands: readonly Command[], args: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const length of [2, 1]) {
    const name = args.slice(0, length).join(' ');
    const command = args.length >= length ? commands.find((each) => each.name === name) : undefined;
    if (command !== undefined) return { command, rest: args.slice(length) };
  }
  const first = args[0] ?? '';
  const group = commands.filter((each) => each.name.startsWith(`${first} `)).map((each) => each.name);
  if (group.length > 0) throw usageError(`"${first}" needs one more word: ${group.map((name) => `"logonet ${name}"`).join(', ')}.`);
  throw usageError(`"${first}" is no command of logonet: see "logonet --help".`);
}
