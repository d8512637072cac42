import { fromWireError, StudioError, type WireError } from '#shared/base/errors.ts';
import type { LabelVolume } from '#shared/geometry/grid.ts';

export type DecodeReply = { readonly volume: LabelVolume } | { readonly error: WireError };

/** Decodes a mask off the window's thread. Throws what `decodeMask` throws, and `cancelled`. */
export async function decodeMaskAside(encoded: Uint8Array, signal: AbortSignal): Promise<LabelVolume> {
  const worker = new Worker(new URL('./decodeMask.worker.ts', import.meta.url), { type: 'module' });
  try {
    const reply = await new Promise<DecodeReply>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<DecodeReply>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new StudioError('internal', 'The mask could not be decoded.', { detail: event.message }));
      };
      signal.addEventListener('abort', () => reject(new StudioError('cancelled', 'Cancelled.')), { once: true });
      worker.postMessage(encoded);
    });
    if ('error' in reply) throw fromWireError(reply.error);
    return reply.volume;
  } finally {
    worker.terminate();
  }
}
