import { StudioError } from '#shared/base/errors.ts';
import type { Log } from '#shared/base/log.ts';
import type { Cancellation } from '#shared/base/cancellation.ts';
import type { ReportProgress } from '#shared/base/progress.ts';

/** One `--option`. `flag` takes no value, `list` may be given several times. `required` and `default` make its value always there. */
export interface OptionSpecification {
  readonly kind: 'text' | 'number' | 'integer' | 'flag' | 'list';
  readonly help: string;
  /** How the value is called in the help, e.g. 'DIR'. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** What is accepted besides `choices`. */
  readonly also?: (text: string) => boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: true;
  readonly default?: string | number;
}

export type OptionSpecifications = Readonly<Record<string, OptionSpecification>>;

type Given<S extends OptionSpecification> = S['kind'] extends 'number' | 'integer' ? number : string;
type OptionValue<S extends OptionSpecification> = S['kind'] extends 'flag'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[]
    : S extends { readonly required: true } | { readonly default: string | number }
      ? Given<S>
      : Given<S> | undefined;

export type OptionValues<S extends OptionSpecifications> = { readonly [Name in keyof S]: OptionValue<S[Name]> };

/** What comes after the command's words that is not an option. */
export interface PositionalSpecification {
  /** As shown in the help, e.g. 'FILE…'. */
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
}

export interface CommandContext<S extends OptionSpecifications = OptionSpecifications> {
  readonly options: OptionValues<S>;
  readonly positionals: readonly string[];
  /** Draws the progress bar on stderr. */
  readonly report: ReportProgress;
  /** Aborted by Ctrl-C. */
  readonly cancellation: Cancellation;
  /** A remark for the person, at once, on stderr (above the progress bar). */
  readonly note: (line: string) => void;
  readonly log: Log;
}

export interface CommandResult {
  /** The one JSON object of `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What a person reads on stdout. */
  readonly text: string;
  /** True when the command ran but its answer is "no" (a check that failed): exit code 1. */
  readonly failed?: boolean;
  /** For commands whose exit codes say more than that. */
  readonly exitCode?: number;
}

export interface Command<S extends OptionSpecifications = OptionSpecifications> {
  /** One or two words: 'train', 'model info'. */
  readonly name: string;
  readonly summary: string;
  readonly positionals?: PositionalSpecification;
  readonly options: S;
  run(context: CommandContext<S>): Promise<CommandResult>;
}

/** A command whose option types are known inside `run` and forgotten outside. */
export function defineCommand<const S extends OptionSpecifications>(command: Command<S>): Command {
  return command as unknown as Command;
}

/** A mistake in how the command was called: exit code 2. */
export function usageError(message: string): StudioError {
  return new StudioError('usage', message);
}
