import { toWireError } from '#shared/base/errors.ts';
import { decodeMask } from '#shared/segmentation/index.ts';
import type { DecodeReply } from './decodeMask.ts';

const answer = (reply: DecodeReply, transfer: Transferable[] = []): void => postMessage(reply, { transfer });

globalThis.onmessage = ({ data }: MessageEvent<Uint8Array>) => {
  try {
    const volume = decodeMask(data);
    answer({ volume }, [volume.data.buffer]);
  } catch (error) {
    answer({ error: toWireError(error) });
  }
};
