import type { PartialHandlers, Publish } from '#shared/contract/contract.ts';
import { serve, type Connection } from '#shared/contract/server.ts';
import type { Log } from '#shared/base/log.ts';

/** The connected windows: each is served the contract, and all are told of events. */
export class Windows {
  readonly #connections = new Set<Connection>();
  readonly #log: Log;
  #handlers: PartialHandlers = {};
  #lost = false;

  constructor(log: Log) {
    this.#log = log;
  }

  set handlers(handlers: PartialHandlers) {
    this.#handlers = handlers;
  }

  /** A window is gone that did not say goodbye. */
  lost(): void {
    this.#lost = true;
    this.#log.write('window lost');
  }

  /** Whether one was lost since this was last asked. */
  readonly takeLost = (): boolean => {
    const was = this.#lost;
    this.#lost = false;
    return was;
  };

  readonly publish: Publish = (name, payload) => {
    for (const connection of this.#connections) connection.publish(name, payload);
  };

  readonly connect = (send: (frame: Uint8Array) => void): Connection => {
    const connection = serve(this.#handlers, send, {
      createAbort: () => new AbortController(),
      onInternalError: (call, error) => {
        this.#log.error(call, error);
      },
    });
    this.#connections.add(connection);
    return {
      ...connection,
      close: () => {
        this.#connections.delete(connection);
        connection.close();
      },
    };
  };
}
