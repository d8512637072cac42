/** The page's whole view of the program: frames of the contract, to and fro. */
import { contextBridge, ipcRenderer } from 'electron';
import type { FrameTransport } from '#shared/contract/client.ts';

const transport: FrameTransport = {
  send: (frame) => { ipcRenderer.send('frame', frame); },
  onFrame: (listener) => {
    const receive = (_event: unknown, frame: Uint8Array): void => { listener(frame); };
    ipcRenderer.on('frame', receive);
    return () => { ipcRenderer.off('frame', receive); };
  },
  onClose: (listener) => {
    const receive = (): void => { listener(); };
    ipcRenderer.on('closed', receive);
    return () => { ipcRenderer.off('closed', receive); };
  },
};

contextBridge.exposeInMainWorld('logonet', transport);
