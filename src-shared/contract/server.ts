import * as v from 'valibot';
import { StudioError, toWireError } from '../base/errors.ts';
import type { Progress } from '../base/progress.ts';
import { contract, type CallContext, type CancelSignal, type EventName, type EventPayload, type PartialHandlers } from './contract.ts';
import type { DeepReadonly, MethodDefinition, Schema, ServiceDefinition } from './define.ts';
import { progress as progressSchema } from './values.ts';
import { callIdOf, decodeFrame, encodeFrame, requestLimits, type ServerMessage } from './wire.ts';

/** Streamed items that may be on their way before the window has taken them. */
const itemsInFlight = 4;
const callsInFlight = 64;

const clientMessage = v.variant('kind', [
  v.strictObject({
    kind: v.literal('call'),
    id: v.pipe(v.number(), v.safeInteger()),
    service: v.pipe(v.string(), v.maxLength(64)),
    method: v.pipe(v.string(), v.maxLength(64)),
    input: v.unknown(),
  }),
  v.strictObject({ kind: v.literal('cancel'), id: v.pipe(v.number(), v.safeInteger()) }),
  v.strictObject({
    kind: v.literal('taken'),
    id: v.pipe(v.number(), v.safeInteger()),
    count: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1024)),
  }),
]);

export interface ServerOptions {
  /** For the log: a call that failed for no reason of the caller's, or an event that is not valid. Never holds the call's data. */
  readonly onInternalError?: (call: string, error: unknown) => void;
  readonly createAbort: () => { readonly signal: CancelSignal; abort(): void };
}

/** The host's side of one window's connection. */
export interface Connection {
  receive(frame: Uint8Array): void;
  /** Tells the window. What does not follow its schema is not sent but goes to `onInternalError`. */
  publish<Name extends EventName>(name: Name, payload: DeepReadonly<EventPayload<Name>>): void;
  /** Cancels what is running. */
  close(): void;
}

interface RunningCall {
  readonly abort: () => void;
  credit: number;
  wake: (() => void) | null;
}

/**
 * Serves the contract's calls. Every input is validated before a handler sees it, every output before it leaves; whatever goes wrong
 * is answered as `{code, message, detail}`. A frame from which not even the call's number can be read is answered with id −1.
 */
export function serve(handlers: PartialHandlers, send: (frame: Uint8Array<ArrayBuffer>) => void, options: ServerOptions): Connection {
  const running = new Map<number, RunningCall>();
  let open = true;
  const reply = (message: ServerMessage): void => {
    if (open) send(encodeFrame(message));
  };

  const start = async (id: number, service: string, method: string, input: unknown): Promise<void> => {
    const name = `${service}.${method}`;
    try {
      if (running.has(id)) throw new StudioError('conflict', 'A call with this number is already running.');
      if (running.size >= callsInFlight) throw new StudioError('conflict', 'Too much at once. Wait for what is running.');
      const { definition, handler } = find(handlers, service, method);
      const accepted = parse(definition.input, input, 'invalid-argument', `The request ${name} is not valid`);
      const controller = options.createAbort();
      const call: RunningCall = {
        abort: () => {
          controller.abort();
        },
        credit: itemsInFlight,
        wake: null,
      };
      running.set(id, call);
      try {
        const output = await handler(accepted, contextOf(id, call, controller.signal, definition.item));
        if (controller.signal.aborted) throw new StudioError('cancelled', 'Cancelled.');
        reply({ kind: 'result', id, output: parse(definition.output, output, 'internal', `The answer of ${name} is not valid`) });
      } finally {
        running.delete(id);
      }
    } catch (error) {
      const wire = toWireError(error);
      if (wire.code === 'internal') options.onInternalError?.(name, error);
      reply({ kind: 'error', id, error: wire });
    }
  };

  const contextOf = (id: number, call: RunningCall, signal: CancelSignal, itemSchema: Schema | undefined): CallContext<unknown> => ({
    signal,
    report: (progress: Progress) => {
      reply({ kind: 'progress', id, progress: parse(progressSchema, progress, 'internal', 'Progress is not valid') });
    },
    send: async (item: unknown) => {
      if (itemSchema === undefined)
        throw new StudioError('internal', 'Something went wrong inside the application.', { detail: 'this call streams nothing' });
      while (call.credit === 0 && !signal.aborted)
        await new Promise<void>((resolve) => {
          call.wake = resolve;
        });
      if (signal.aborted) throw new StudioError('cancelled', 'Cancelled.');
      call.credit--;
      reply({ kind: 'item', id, item: parse(itemSchema, item, 'internal', 'A streamed item is not valid') });
    },
  });

  const stop = (call: RunningCall): void => {
    call.abort();
    call.wake?.();
  };

  return {
    receive(frame) {
      let message: v.InferOutput<typeof clientMessage>;
      try {
        message = parse(clientMessage, decodeFrame(frame, requestLimits), 'invalid-argument', 'The message is not valid');
      } catch (error) {
        reply({ kind: 'error', id: callIdOf(frame, requestLimits), error: toWireError(error) });
        return;
      }
      if (message.kind === 'call') {
        void start(message.id, message.service, message.method, message.input);
        return;
      }
      const call = running.get(message.id);
      if (call === undefined) return;
      if (message.kind === 'cancel') stop(call);
      else {
        call.credit = Math.min(itemsInFlight, call.credit + message.count);
        call.wake?.();
        call.wake = null;
      }
    },
    publish(name, payload) {
      // Who publishes is in the middle of something else, which must not fail for it.
      try {
        reply({ kind: 'event', name, payload: parse(eventSchema(name), payload, 'internal', `The event ${name} is not valid`) });
      } catch (error) {
        options.onInternalError?.(`event ${name}`, error);
      }
    },
    close() {
      open = false;
      for (const call of running.values()) stop(call);
    },
  };
}

type AnyHandler = (input: unknown, context: CallContext<unknown>) => unknown;

function find(handlers: PartialHandlers, service: string, method: string): { definition: MethodDefinition; handler: AnyHandler } {
  const services: Readonly<Record<string, ServiceDefinition>> = contract;
  const definition = Object.hasOwn(services, service) ? services[service] : undefined;
  const found = definition !== undefined && Object.hasOwn(definition.methods, method) ? definition.methods[method] : undefined;
  if (found === undefined) throw new StudioError('invalid-argument', 'The application does not know this request.');
  const implementation = (handlers as unknown as Record<string, Record<string, AnyHandler>>)[service]?.[method];
  if (implementation === undefined) throw new StudioError('unsupported', 'This host does not offer this request.');
  return { definition: found, handler: implementation };
}

function eventSchema(name: string): Schema {
  const [service = '', event = ''] = name.split('.');
  const schema = (contract as Readonly<Record<string, ServiceDefinition>>)[service]?.events[event];
  if (schema === undefined)
    throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `no event ${name}` });
  return schema;
}

function parse<S extends Schema>(schema: S, value: unknown, code: 'invalid-argument' | 'internal', what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const where = v.getDotPath(issue);
  const said = `${what}${where === null ? '' : ` at "${where.slice(0, 200)}"`}: ${issue.message.slice(0, 500)}`;
  throw code === 'internal'
    ? new StudioError('internal', 'Something went wrong inside the application.', { detail: said })
    : new StudioError(code, said);
}
