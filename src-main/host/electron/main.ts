/** Electron's side: one hardened window, the system's menu and dialogs, and the services in a plain Node process beneath. */
import { app, BrowserWindow, crashReporter, dialog, ipcMain, Menu, protocol, screen, session } from 'electron';
import { join } from 'node:path';
import { contentSecurityPolicy, securityHeaders } from '../contentSecurity.ts';
import type { PickKind, ToElectron } from '../process/control.ts';
import { readStaticFile } from '../staticFiles.ts';
import { locate, projectOf } from './locations.ts';
import { menuTemplate } from './menu.ts';
import {
  commandLineSwitches,
  mayDownload,
  mayNavigate,
  mayRequest,
  mayTalk,
  origin,
  scheme,
  schemePrivileges,
  webPreferences,
} from './security.ts';
import { ServicesKeeper } from './servicesKeeper.ts';
import { fitWindow, minimumSize, readWindowState, writeWindowState } from './windowState.ts';

const locations = locate(app.getAppPath(), process.resourcesPath);
let window: BrowserWindow | null = null;
let quitting = false;
const services = new ServicesKeeper(locations.node, locations.services, {
  frame: (frame) => {
    window?.webContents.send('frame', frame);
  },
  control: (message) => {
    void answer(message);
  },
  lost: () => {
    window?.webContents.send('closed');
  },
  // What was acknowledged is on disk; the window begins again and is told of the crash.
  restarted: () => {
    window?.webContents.reload();
  },
  gaveUp: askAgain,
});
let requestedProject = projectOf(process.argv);

if (app.requestSingleInstanceLock()) begin();
else app.quit();

function begin(): void {
  // Dumps stay on this computer: there is no address to send them to.
  crashReporter.start({ uploadToServer: false });
  for (const [name, value] of commandLineSwitches) app.commandLine.appendSwitch(name, value);
  app.enableSandbox();
  protocol.registerSchemesAsPrivileged([{ scheme, privileges: schemePrivileges }]);
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => {
      if (!mayNavigate(event.url)) event.preventDefault();
    });
    contents.on('will-redirect', (event) => {
      event.preventDefault();
    });
    contents.on('will-attach-webview', (event) => {
      event.preventDefault();
    });
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
  app.on('second-instance', (_event, args) => {
    openProject(projectOf(args));
  });
  app.on('open-file', (event, path) => {
    event.preventDefault();
    openProject(projectOf(['', path]));
  });
  app.on('window-all-closed', () => {
    app.quit();
  });
  app.on('before-quit', (event) => {
    if (quitting) return;
    event.preventDefault();
    quitting = true;
    void services.close().finally(() => {
      app.quit();
    });
  });
  void app.whenReady().then(start);
}

function start(): void {
  hardenSession();
  protocol.handle(scheme, serveRenderer);
  ipcMain.on('frame', (event, frame: unknown) => {
    if (mayTalk(event.senderFrame) && frame instanceof Uint8Array) services.current?.send(frame);
  });
  Menu.setApplicationMenu(
    Menu.buildFromTemplate(
      menuTemplate(process.platform, (command) => {
        services.current?.control({ type: 'command', command });
      }),
    ),
  );
  services.start();
  openWindow();
}

function hardenSession(): void {
  const own = session.defaultSession;
  own.setPermissionRequestHandler((_contents, _permission, answer) => {
    answer(false);
  });
  own.setPermissionCheckHandler(() => false);
  own.setDevicePermissionHandler(() => false);
  own.webRequest.onBeforeRequest((details, answer) => {
    answer({ cancel: !mayRequest(details.url) });
  });
  own.on('will-download', (event, item) => {
    if (!mayDownload(item.getURL())) event.preventDefault();
  });
}

async function serveRenderer(request: Request): Promise<Response> {
  const headers = securityHeaders(contentSecurityPolicy());
  const file =
    mayNavigate(request.url) && request.method === 'GET' ? await readStaticFile(locations.renderer, new URL(request.url).pathname) : null;
  if (file === null) return new Response('Not found.', { status: 404, headers });
  return new Response(file.body, { headers: { ...headers, 'Content-Type': file.mediaType } });
}

/** The services end whenever they are started: nothing goes on without them. */
function askAgain(reason: string): void {
  if (quitting) return;
  const chosen = dialog.showMessageBoxSync({
    type: 'error',
    message: 'A part of LoGoNet Studio that reads and writes projects ends as soon as it is started.',
    detail: `What was saved is there. Restart the computer or install the program again; if it goes on, report this:\n\n${reason}`,
    buttons: ['Try again', 'Quit'],
    cancelId: 1,
  });
  if (chosen === 1) {
    app.quit();
    return;
  }
  services.start();
  window?.webContents.reload();
}

function openWindow(): void {
  const stateFile = join(app.getPath('userData'), 'window-state.json');
  const state = fitWindow(
    readWindowState(stateFile),
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const opened = new BrowserWindow({
    ...state.bounds,
    minWidth: minimumSize.width,
    minHeight: minimumSize.height,
    show: false,
    title: 'LoGoNet Studio',
    backgroundColor: '#14161a',
    webPreferences: webPreferences(locations.preload),
  });
  window = opened;
  if (state.maximized) opened.maximize();
  // The title is the program's name and never a case's.
  opened.on('page-title-updated', (event) => {
    event.preventDefault();
  });
  opened.once('ready-to-show', () => {
    opened.show();
  });
  opened.on('close', () => {
    writeWindowState(stateFile, { bounds: opened.getNormalBounds(), maximized: opened.isMaximized() });
  });
  opened.on('closed', () => {
    window = null;
  });
  opened.webContents.on('did-start-navigation', (details) => {
    if (details.isMainFrame && !details.isSameDocument) services.current?.openWindow();
  });
  opened.webContents.on('did-finish-load', () => {
    openProject(requestedProject);
    requestedProject = null;
  });
  opened.webContents.on('will-prevent-unload', (event) => {
    const leave = dialog.showMessageBoxSync(opened, {
      type: 'warning',
      message: 'Some changes are not saved.',
      detail: 'If you leave, this computer keeps them for the next time that the case is opened.',
      buttons: ['Stay', 'Leave'],
      cancelId: 0,
    });
    if (leave === 1) event.preventDefault(); // of the page's objection
  });
  opened.webContents.on('render-process-gone', () => {
    if (quitting) return;
    services.current?.control({ type: 'windowLost' });
    opened.webContents.reload();
  });
  void opened.loadURL(`${origin}/`);
}

async function answer(message: ToElectron): Promise<void> {
  if (message.type === 'quit') app.quit();
  if (message.type !== 'pick') return;
  const paths = await pick(message.kind, message.title);
  services.current?.control({ type: 'picked', id: message.id, paths });
}

async function pick(kind: PickKind, title: string): Promise<string[] | null> {
  if (window === null) return null;
  const properties = {
    folder: ['openDirectory'],
    files: ['openFile', 'multiSelections'],
    newFolder: ['openDirectory', 'createDirectory', 'promptToCreate'],
  } as const;
  const chosen = await dialog.showOpenDialog(window, { title, properties: [...properties[kind]] });
  return chosen.canceled ? null : chosen.filePaths;
}

function openProject(path: string | null): void {
  if (window !== null && window.isMinimized()) window.restore();
  window?.focus();
  if (path !== null) services.current?.control({ type: 'open', path });
}
