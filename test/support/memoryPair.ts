import { createClient, type Client } from '#shared/contract/client.ts';
import type { PartialHandlers } from '#shared/contract/contract.ts';
import { serve, type Connection } from '#shared/contract/server.ts';

export interface MemoryPair {
  readonly client: Client;
  readonly connection: Connection;
  /** Errors that the server called internal. */
  readonly internalErrors: unknown[];
  /** Ends the connection as a lost socket does. */
  disconnect(): void;
}

/** Client and server of the contract in one process: real frames over a transport that delivers them a turn later. */
export function memoryPair(handlers: PartialHandlers): MemoryPair {
  const internalErrors: unknown[] = [];
  const toClient = new Set<(frame: Uint8Array) => void>();
  const closed = new Set<() => void>();
  const connection = serve(
    handlers,
    (frame) => {
      queueMicrotask(() => {
        for (const listener of toClient) listener(frame);
      });
    },
    {
      createAbort: () => new AbortController(),
      onInternalError: (_call, error) => {
        internalErrors.push(error);
      },
    },
  );
  const client = createClient({
    send: (frame) => {
      queueMicrotask(() => {
        connection.receive(frame);
      });
    },
    onFrame: (listener) => {
      toClient.add(listener);
      return () => {
        toClient.delete(listener);
      };
    },
    onClose: (listener) => {
      closed.add(listener);
      return () => {
        closed.delete(listener);
      };
    },
  });
  return {
    client,
    connection,
    internalErrors,
    disconnect: () => {
      connection.close();
      for (const listener of closed) listener();
    },
  };
}

/** A client of a host that connects windows, in this process. */
export function memoryClient(connect: (send: (frame: Uint8Array) => void) => Connection): Client {
  const listeners = new Set<(frame: Uint8Array) => void>();
  const connection = connect((frame) => {
    queueMicrotask(() => {
      for (const listener of listeners) listener(frame);
    });
  });
  return createClient({
    send: (frame) => {
      queueMicrotask(() => {
        connection.receive(frame);
      });
    },
    onFrame: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    onClose: () => () => undefined,
  });
}
