import { createClient, type Client, type FrameTransport } from '#shared/contract/client.ts';

declare global {
  interface Window {
    /** Set by Electron's preload; absent in the web host's window. */
    readonly logonet?: FrameTransport;
  }
}

/** Frames over a WebSocket that is being opened. Rejects when the host cannot be reached. */
export function socketTransport(socket: WebSocket): Promise<FrameTransport> {
  return new Promise((resolve, reject) => {
    socket.binaryType = 'arraybuffer';
    const frames = new Set<(frame: Uint8Array) => void>();
    const closes = new Set<() => void>();
    socket.onopen = () =>
      resolve({
        send: (frame) => {
          if (socket.readyState === socket.OPEN) socket.send(frame);
        },
        onFrame: (listener) => {
          frames.add(listener);
          return () => frames.delete(listener);
        },
        onClose: (listener) => {
          closes.add(listener);
          return () => closes.delete(listener);
        },
      });
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const frame = new Uint8Array(data);
      for (const listener of frames) listener(frame);
    };
    socket.onclose = () => {
      reject(new Error('closed'));
      for (const listener of closes) listener();
    };
  });
}

/** The host over a WebSocket of the page's own origin; the launch cookie admits it. */
function connectWebSocket(): Promise<FrameTransport> {
  const socket = new WebSocket(`ws://${location.host}/contract`);
  // Says goodbye, so that the host can tell a window that was closed from one that crashed.
  window.addEventListener('pagehide', () => socket.close(1000));
  return socketTransport(socket);
}

export interface Connection {
  readonly client: Client;
  onClose(listener: () => void): () => void;
}

/** The host: through Electron's bridge where there is one, else through the loopback socket. */
export async function connect(): Promise<Connection> {
  const transport = window.logonet ?? (await connectWebSocket());
  return { client: createClient(transport), onClose: (listener) => transport.onClose(listener) };
}
