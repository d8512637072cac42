import * as v from 'valibot';
import { StudioError } from '#shared/base/errors.ts';

/** What a kind of work is asked with. */
export interface Request<Input, Config, Result> {
  /** Checks a configuration (JSON from job.json, or a command's) and fills in what was left open. Throws `invalid-argument`. */
  readonly parse: (config: unknown) => Config;
  /** Types alone; never set. */
  readonly types?: { readonly input: Input; readonly result: Result };
}

/** `what` names the work in the sentence of an error, e.g. 'prediction'. */
export function defineRequest<Result>() {
  return <S extends v.GenericSchema>(what: string, schema: S): Request<v.InferInput<S>, v.InferOutput<S>, Result> => ({
    parse: (config) => {
      const parsed = v.safeParse(schema, config);
      if (!parsed.success)
        throw new StudioError('invalid-argument', `The settings of this ${what} are not valid.`, { detail: v.summarize(parsed.issues) });
      return parsed.output;
    },
  });
}
