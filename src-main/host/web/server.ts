import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Connection } from '#shared/contract/server.ts';
import { requestLimits } from '#shared/contract/wire.ts';
import { contentSecurityPolicy, securityHeaders } from '../contentSecurity.ts';
import { readStaticFile } from '../staticFiles.ts';
import { Admission } from './admission.ts';

export interface WebServerOptions {
  /** Folder of the renderer's build. */
  readonly rendererFolder: string;
  /** Tried first; any free one where it is taken. */
  readonly port?: number;
  /** Serves the contract to a new window. */
  readonly connect: (send: (frame: Uint8Array) => void) => Connection;
  /** Called with the number of windows whenever it changes. */
  readonly onWindows?: (count: number) => void;
  /** Called when a window has entered with a key. */
  readonly onEntered?: () => void;
  /** Called when a window is gone that did not say goodbye: its process crashed or was ended. */
  readonly onLost?: () => void;
}

export interface WebServer {
  readonly port: number;
  readonly origin: string;
  /** An address that admits one window once. */
  entryAddress(): string;
  /** Proves to GET /another that a second start comes from the same person. */
  readonly secondStartKey: string;
  close(): Promise<void>;
}

/** How a WebSocket ends that its page did not close (RFC 6455, 7.4.1): the browser did after the page's end, or nobody. */
const endsWithoutGoodbye: ReadonlySet<number> = new Set([1001, 1006]);

/** Starts the loopback host on 127.0.0.1 and a free port. Whoever is not admitted is hung up on without an answer. */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const server = createServer({ maxHeaderSize: 16_384, requestTimeout: 30_000, headersTimeout: 10_000 });
  await listen(server, options.port ?? 0).catch(() => listen(server, 0));
  const { port } = server.address() as AddressInfo;
  const admission = new Admission(port);
  const entryAddress = (): string => `${admission.origin}/enter?key=${admission.issueKey()}`;
  const headers = securityHeaders(contentSecurityPolicy(admission.origin.replace('http:', 'ws:')));

  server.on('request', (request, response) => {
    void answer(request, response).catch(() => {
      request.socket.destroy();
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = pathOf(request);
    if (url?.pathname === '/enter' && request.method === 'GET' && admission.addressed(request.headers)) {
      const cookie = admission.redeem(url.searchParams.get('key') ?? '');
      if (cookie === null) {
        request.socket.destroy();
        return;
      }
      // A redirect would still count as coming from outside, and a strict cookie would not be sent along: the page itself goes on.
      response.writeHead(200, { ...headers, 'Content-Type': 'text/html; charset=utf-8', 'Set-Cookie': cookie });
      response.end('<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>LoGoNet Studio</title>');
      options.onEntered?.();
      return;
    }
    if (url?.pathname === '/another' && request.method === 'GET' && admission.admitsSecondStart(request.headers)) {
      response.writeHead(200, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }).end(entryAddress());
      return;
    }
    if (url === null || !admission.admitsRequest(request.headers)) {
      request.socket.destroy();
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, headers).end();
      return;
    }
    const file = await readStaticFile(options.rendererFolder, url.pathname);
    if (file === null) {
      response.writeHead(404, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found.');
      return;
    }
    response.writeHead(200, { ...headers, 'Content-Type': file.mediaType, 'Content-Length': String(file.body.byteLength) });
    response.end(request.method === 'HEAD' ? undefined : file.body);
  };

  let closing = false;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: requestLimits.frameBytes, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (pathOf(request)?.pathname !== '/contract' || !admission.admitsSocket(request.headers)) {
      socket.destroy();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (window) => {
      attach(window, options.connect);
      options.onWindows?.(sockets.clients.size);
      window.on('close', (code) => {
        options.onWindows?.(sockets.clients.size);
        if (endsWithoutGoodbye.has(code) && !closing) options.onLost?.();
      });
    });
  });

  return {
    port,
    origin: admission.origin,
    entryAddress,
    secondStartKey: admission.secondStartKey,
    close: () =>
      new Promise((resolve) => {
        closing = true;
        for (const window of sockets.clients) window.terminate();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function attach(window: WebSocket, connect: WebServerOptions['connect']): void {
  const connection = connect((frame) => {
    if (window.readyState === window.OPEN) window.send(frame);
  });
  window.on('message', (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) {
      window.close(1003);
      return;
    }
    connection.receive(data);
  });
  window.on('close', () => {
    connection.close();
  });
  // What breaks a socket also closes it.
  window.on('error', () => undefined);
}

function pathOf(request: IncomingMessage): URL | null {
  return request.url?.startsWith('/') === true ? URL.parse(request.url, 'http://127.0.0.1') : null;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
