/** What main and the compute process say to each other, as JSON over the child's IPC channel. Heartbeats go beside it (heartbeat.ts). */
import * as v from 'valibot';
import { errorCodes, StudioError } from '#shared/base/errors.ts';

const text = v.string();
const priority = v.picklist(['interactive', 'background']);

const toCompute = v.variant('type', [
  v.object({ type: v.literal('start'), jobId: text, folder: text, priority, attempt: v.number(), crashes: v.number() }),
  v.object({ type: v.literal('stop'), jobId: text }),
  /** What a prompt network in a folder says of an input: little-endian float32 numbers, as base64. */
  v.object({ type: v.literal('ask'), askId: v.number(), model: text, device: text, input: text }),
]);

const wireError = v.object({ code: v.picklist(errorCodes), message: text, detail: v.optional(text) });
const point = v.object({
  step: v.number(),
  seconds: v.number(),
  loss: v.nullable(v.number()),
  learningRate: v.nullable(v.number()),
  dice: v.nullable(v.record(text, v.number())),
});
const alarm = v.object({ at: text, severity: v.picklist(['info', 'warning', 'error']), message: text });

const fromCompute = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({
    type: v.literal('progress'),
    jobId: text,
    progress: v.object({ phase: text, fraction: v.number(), remainingSeconds: v.optional(v.number()), detail: v.optional(text) }),
  }),
  v.object({ type: v.literal('point'), jobId: text, point }),
  v.object({ type: v.literal('alarm'), jobId: text, alarm }),
  v.object({ type: v.literal('done'), jobId: text, modelId: v.nullable(text) }),
  v.object({ type: v.literal('stopped'), jobId: text }),
  v.object({ type: v.literal('failed'), jobId: text, error: wireError }),
  /** A byte a voxel, 0 … 255, as base64. */
  v.object({ type: v.literal('answered'), askId: v.number(), answer: text }),
  v.object({ type: v.literal('unanswered'), askId: v.number(), error: wireError }),
]);

export type ToCompute = v.InferOutput<typeof toCompute>;
export type FromCompute = v.InferOutput<typeof fromCompute>;

/** Throws `internal` for what is not a message of this protocol. */
export const parseToCompute = (message: unknown): ToCompute => parse(toCompute, message);
export const parseFromCompute = (message: unknown): FromCompute => parse(fromCompute, message);

function parse<S extends v.GenericSchema>(schema: S, message: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, message);
  if (!result.success)
    throw new StudioError('internal', 'Something went wrong inside the application.', { detail: v.summarize(result.issues) });
  return result.output;
}
