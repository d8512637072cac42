/** Electron's side: one hardened window, the system's menu and dialogs, and the services in a plain Node process beneath. */
import { app, BrowserWindow, crashReporter, dialog, ipcMain, Menu, protocol, screen, session } from 'electron';
import { join } from 'node:path';
import { contentSecurityPolicy, securityHeaders } from '../contentSecurity.ts';
import type { PickKind, ToElectron } from '../process/control.ts';
import { readStaticFile } from '../staticFiles.ts';
import { locate, projectOf } from './locations.ts';
import { menuTemplate } from './menu.ts';
import { commandLineSwitches, mayNavigate, mayRequest, mayTalk, origin, scheme, schemePrivileges, webPreferences } from './security.ts';
import { ServicesProcess } from './servicesProcess.ts';
import { fitWindow, minimumSize, readWindowState, writeWindowState } from './windowState.ts';

const locations = locate(app.getAppPath(), process.resourcesPath);
let window: BrowserWindow | null = null;
let services: ServicesProcess | null = null;
let quitting = false;
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
    contents.on('will-navigate', (event) => { if (!mayNavigate(event.url)) event.preventDefault(); });
    contents.on('will-redirect', (event) => { event.preventDefault(); });
    contents.on('will-attach-webview', (event) => { event.preventDefault(); });
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
  app.on('second-instance', (_event, words) => { openProject(projectOf(words)); });
  app.on('open-file', (event, path) => {
    event.preventDefault();
    openProject(projectOf(['', path]));
  });
  app.on('window-all-closed', () => { app.quit(); });
  app.on('before-quit', (event) => {
    if (quitting) return;
    event.preventDefault();
    quitting = true;
    void (services?.close() ?? Promise.resolve()).finally(() => { app.quit(); });
  });
  void app.whenReady().then(start);
}

function start(): void {
  hardenSession();
  protocol.handle(scheme, serveRenderer);
  ipcMain.on('frame', (event, frame: unknown) => {
    if (mayTalk(event.senderFrame) && frame instanceof Uint8Array) services?.send(frame);
  });
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate(process.platform, (command) => { services?.control({ type: 'command', command }); })));
  startServices();
  openWindow();
}

function hardenSession(): void {
  const own = session.defaultSession;
  own.setPermissionRequestHandler((_contents, _permission, answer) => { answer(false); });
  own.setPermissionCheckHandler(() => false);
  own.setDevicePermissionHandler(() => false);
  own.webRequest.onBeforeRequest((details, answer) => { answer({ cancel: !mayRequest(details.url) }); });
  own.on('will-download', (event) => { event.preventDefault(); });
}

async function serveRenderer(request: Request): Promise<Response> {
  const headers = securityHeaders(contentSecurityPolicy());
  const file = mayNavigate(request.url) && request.method === 'GET' ? await readStaticFile(locations.renderer, new URL(request.url).pathname) : null;
  if (file === null) return new Response('Not found.', { status: 404, headers });
  return new Response(file.body, { headers: { ...headers, 'Content-Type': file.mediaType } });
}

function startServices(): void {
  services = new ServicesProcess(locations.node, locations.services, {
    frame: (frame) => { window?.webContents.send('frame', frame); },
    control: (message) => { void answer(message); },
    gone: () => {
      if (quitting) return;
      // What was acknowledged is on disk; the window begins anew and is told of the crash.
      window?.webContents.send('closed');
      startServices();
      window?.webContents.reload();
    },
  });
}

function openWindow(): void {
  const stateFile = join(app.getPath('userData'), 'window-state.json');
  const state = fitWindow(readWindowState(stateFile), screen.getAllDisplays().map((display) => display.workArea));
  const opened = new BrowserWindow({
    ...state.bounds, minWidth: minimumSize.width, minHeight: minimumSize.height, show: false, title: 'LoGoNet Studio', backgroundColor: '#14161a',
    webPreferences: webPreferences(locations.preload),
  });
  window = opened;
  if (state.maximized) opened.maximize();
  // The title is the program's name and never a case's.
  opened.on('page-title-updated', (event) => { event.preventDefault(); });
  opened.once('ready-to-show', () => { opened.show(); });
  opened.on('close', () => { writeWindowState(stateFile, { bounds: opened.getNormalBounds(), maximized: opened.isMaximized() }); });
  opened.on('closed', () => { window = null; });
  opened.webContents.on('did-start-navigation', (details) => { if (details.isMainFrame && !details.isSameDocument) services?.openWindow(); });
  opened.webContents.on('did-finish-load', () => {
    openProject(requestedProject);
    requestedProject = null;
  });
  opened.webContents.on('render-process-gone', () => {
    if (quitting) return;
    services?.control({ type: 'windowLost' });
    opened.webContents.reload();
  });
  void opened.loadURL(`${origin}/`);
}

async function answer(message: ToElectron): Promise<void> {
  if (message.type === 'quit') app.quit();
  if (message.type !== 'pick') return;
  const paths = await pick(message.kind, message.title);
  services?.control({ type: 'picked', id: message.id, paths });
}

async function pick(kind: PickKind, title: string): Promise<string[] | null> {
  if (window === null) return null;
  const properties = { folder: ['openDirectory'], files: ['openFile', 'multiSelections'], newFolder: ['openDirectory', 'createDirectory', 'promptToCreate'] } as const;
  const chosen = await dialog.showOpenDialog(window, { title, properties: [...properties[kind]] });
  return chosen.canceled ? null : chosen.filePaths;
}

function openProject(path: string | null): void {
  if (window !== null && window.isMinimized()) window.restore();
  window?.focus();
  if (path !== null) services?.control({ type: 'open', path });
}
