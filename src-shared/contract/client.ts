import { fromWireError, StudioError } from '../base/errors.ts';
import {
  contract,
  type CallOptions,
  type Contract,
  type EventName,
  type EventPayload,
  type ServiceClient,
  type ServiceName,
} from './contract.ts';
import { decodeFrame, encodeFrame, fitsWithin, requestLimits, responseLimits, type ClientMessage, type ServerMessage } from './wire.ts';

/** Carries frames to the host and back, in order. */
export interface FrameTransport {
  send(frame: Uint8Array<ArrayBuffer>): void;
  /** Returns what stops listening. */
  onFrame(listener: (frame: Uint8Array) => void): () => void;
  onClose(listener: () => void): () => void;
}

export type Client = { readonly [S in ServiceName]: ServiceClient<S> } & {
  on<Name extends EventName>(name: Name, listener: (payload: EventPayload<Name>) => void): () => void;
};

interface PendingCall {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly options: CallOptions<unknown>;
}

/** The window's side of the contract over any transport. All calls reject once the transport has closed. */
export function createClient(transport: FrameTransport): Client {
  const pending = new Map<number, PendingCall>();
  const listeners = new Map<string, Set<(payload: unknown) => void>>();
  let nextId = 1;
  let closed = false;
  const send = (message: ClientMessage): void => {
    const frame = encodeFrame(message);
    // The host could not even read whose call it refuses.
    if (!fitsWithin(frame, requestLimits))
      throw new StudioError('invalid-argument', 'This is too much for one request. Do it in smaller parts.');
    transport.send(frame);
  };

  transport.onFrame((frame) => {
    const message = decodeFrame(frame, responseLimits) as ServerMessage;
    if (message.kind === 'event') {
      const failures: unknown[] = [];
      for (const listener of [...(listeners.get(message.name) ?? [])]) {
        try {
          listener(message.payload);
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0]; // Once all have been told.
      return;
    }
    const call = pending.get(message.id);
    if (call === undefined) return;
    if (message.kind === 'progress' || message.kind === 'item') {
      try {
        if (message.kind === 'progress') call.options.onProgress?.(message.progress);
        else call.options.onItem?.(message.item);
      } catch (error) {
        // The host would wait for ever for what was not taken to be taken.
        pending.delete(message.id);
        send({ kind: 'cancel', id: message.id });
        call.reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (message.kind === 'item') send({ kind: 'taken', id: message.id, count: 1 });
    } else {
      pending.delete(message.id);
      if (message.kind === 'result') call.resolve(message.output);
      else call.reject(fromWireError(message.error));
    }
  });
  transport.onClose(() => {
    closed = true;
    for (const call of pending.values()) call.reject(gone());
    pending.clear();
  });

  const call = (service: string, method: string, input: unknown, options: CallOptions<unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (closed) {
        reject(gone());
        return;
      }
      if (options.signal?.aborted === true) {
        reject(new StudioError('cancelled', 'Cancelled.'));
        return;
      }
      const id = nextId++;
      const cancel = (): void => {
        if (pending.has(id)) send({ kind: 'cancel', id });
      };
      const settle =
        <T>(act: (value: T) => void) =>
        (value: T): void => {
          options.signal?.removeEventListener('abort', cancel);
          act(value);
        };
      pending.set(id, { resolve: settle(resolve), reject: settle(reject), options });
      options.signal?.addEventListener('abort', cancel, { once: true });
      try {
        send({ kind: 'call', id, service, method, input });
      } catch (error) {
        pending.delete(id);
        settle(reject)(error instanceof Error ? error : new Error(String(error)));
      }
    });

  const services = Object.fromEntries(
    Object.entries<Contract[ServiceName]>(contract).map(([service, definition]) => [
      service,
      Object.fromEntries(
        Object.keys(definition.methods).map((method) => [
          method,
          (input: unknown = {}, options: CallOptions<unknown> = {}) => call(service, method, input, options),
        ]),
      ),
    ]),
  );
  const on = (name: string, listener: (payload: unknown) => void): (() => void) => {
    const all = listeners.get(name) ?? new Set();
    listeners.set(name, all.add(listener));
    return () => {
      all.delete(listener);
    };
  };
  return { ...services, on } as unknown as Client;
}

function gone(): StudioError {
  return new StudioError('io', 'The connection to the application was lost. What was acknowledged is saved; start LoGoNet Studio again.');
}
