/** The loopback host: the same window as Electron's, in an installed browser. `--no-browser` prints the address instead. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { StudioError } from '#shared/base/errors.ts';
import { openLog } from '#main/host/logFile.ts';
import { appFolders, createStudio, findInstallation } from '#main/services/studio.ts';
import { Windows } from '../windows.ts';
import { findBrowser, openAppWindow } from './browser.ts';
import { writeLaunchPage, type LaunchPage } from './launchPage.ts';
import { startWebServer } from './server.ts';
import { announceInstance, askRunningInstance } from './singleInstance.ts';

/** After the last window has gone: a reload comes back within it. */
const graceMs = 5000;
/** From the end of the browser's program, which may have handed over to another, until a window should have come. */
const handOverMs = 3000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { 'no-browser': { type: 'boolean' }, renderer: { type: 'string' } } });
  const { root, version } = findInstallation(import.meta.dirname);
  const rendererFolder = resolve(values.renderer ?? join(root, 'dist', 'renderer'));
  if (!existsSync(join(rendererFolder, 'index.html')))
    throw new StudioError('not-found', 'The window has not been built: run "npm run build:renderer" first.');
  const folders = appFolders();
  const log = openLog(folders.logs);
  const windows = new Windows(log);
  const browser = values['no-browser'] === true ? null : findBrowser();
  let stopping = false;

  const instanceFile = join(folders.data, 'web-host.json');
  const another = await askRunningInstance(instanceFile);
  if (another !== null) {
    if (browser === null) say(`LoGoNet Studio is already running. To open another window of it: ${another}`);
    else {
      openAppWindow(browser, writeLaunchPage(join(folders.data, 'launch'), another).url, folders.browserProfile).unref();
      say('LoGoNet Studio is already running: another window of it is opened.');
    }
    return;
  }

  const studio = createStudio({
    folders,
    log,
    publish: windows.publish,
    host: {
      kind: 'web',
      version,
      quit: () => {
        void stop(0);
      },
      takeLostWindow: windows.takeLost,
    },
  });
  windows.handlers = studio.handlers;
  let page: LaunchPage | null = null;
  let closing: NodeJS.Timeout | undefined;
  let shown = false;
  // What the browser keeps for its pages, unsaved edits too, goes by the port.
  const portFile = join(folders.data, 'web-port');
  const port = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0;
  const server = await startWebServer({
    rendererFolder,
    port: Number.isInteger(port) && port > 1023 && port < 65536 ? port : 0,
    connect: windows.connect,
    onEntered: () => {
      page?.remove();
      if (browser === null) say(`To open another window: ${server.entryAddress()}`);
    },
    onLost: () => {
      windows.lost();
    },
    onWindows: (count) => {
      clearTimeout(closing);
      if (count > 0 && !shown && browser !== null)
        say('LoGoNet Studio is open in its window. It ends when the window is closed, or with Ctrl+C here.');
      shown ||= count > 0;
      if (count === 0 && browser !== null)
        closing = setTimeout(() => {
          void stop(0);
        }, graceMs);
    },
  });

  if (port === 0) writeFileSync(portFile, String(server.port));
  const withdraw = announceInstance(instanceFile, server.port, server.secondStartKey);

  const stop = async (code: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    page?.remove();
    withdraw();
    await studio.close().catch((error: unknown) => {
      log.error('close', error);
    });
    await server.close();
    log.write('stopped', { code });
    process.exit(code);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      void stop(0);
    });
  process.on('uncaughtException', (error) => {
    log.error('uncaught', error);
    void stop(1);
  });

  log.write('started', { host: 'web', pid: process.pid });
  if (browser === null) {
    say(`Open this address in Chrome, Chromium or Edge on this computer (it admits one window): ${server.entryAddress()}`);
    return;
  }
  page = writeLaunchPage(join(folders.data, 'launch'), server.entryAddress());
  const noWindow = (): void => {
    if (!shown && !stopping)
      say(
        `The browser showed no window. Open this address in Chrome, Chromium or Edge on this computer (it admits one window): ${server.entryAddress()}`,
      );
  };
  openAppWindow(browser, page.url, folders.browserProfile)
    .on('error', (error) => {
      log.error('browser', error);
      noWindow();
    })
    .on('exit', () => {
      setTimeout(noWindow, handOverMs);
    });
}

main().catch((error: unknown) => {
  console.error(error instanceof StudioError ? error.message : error);
  process.exitCode = 1;
});
