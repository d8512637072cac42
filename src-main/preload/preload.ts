/** The page's whole view of the program: frames of the contract, to and fro. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import type { FrameTransport } from '#shared/contract/client.ts';

const transport: FrameTransport = {
  send: (frame) => {
    ipcRenderer.send('frame', frame);
  },
  onFrame: (listener) => {
    const receive = (_event: unknown, frame: Uint8Array): void => {
      listener(frame);
    };
    ipcRenderer.on('frame', receive);
    return () => {
      ipcRenderer.off('frame', receive);
    };
  },
  onClose: (listener) => {
    const receive = (): void => {
      listener();
    };
    ipcRenderer.on('closed', receive);
    return () => {
      ipcRenderer.off('closed', receive);
    };
  },
};

contextBridge.exposeInMainWorld('logonet', transport);
/** Where a file lies that was dropped into the window: a page is not told by itself. */
contextBridge.exposeInMainWorld('logonetPathOf', (file: File): string => webUtils.getPathForFile(file));
