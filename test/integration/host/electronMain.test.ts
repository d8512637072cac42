/** Electron's main process and preload, over a fake of its modules, with the real services in their own process beneath. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createClient, type Client, type FrameTransport } from '#shared/contract/client.ts';
import * as electron from '../../support/fakeElectron.ts';
import { childrenOf } from '../../support/children.ts';
import { testLabels } from '../../support/studio.ts';

vi.mock('electron', () => electron);
const { app, BrowserWindow, ipcMain, session, system } = electron;
const root = resolve(import.meta.dirname, '../../..');

describe('under Electron (a fake of its modules)', () => {
  let folder: string;
  let client: Client;
  const opened: string[] = [];
  const commands: string[] = [];
  const window = () => BrowserWindow.all[0]!;
  const servicesPid = (): number | undefined => childrenOf(process.pid, 'host/process/main.ts')[0];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fake-electron-'));
    vi.stubEnv('LOGONET_DATA', join(folder, 'data'));
    vi.stubEnv('LOGONET_NODE', process.execPath);
    system.appPath = root;
    system.userData = join(folder, 'profile');
    Object.assign(process, { resourcesPath: join(folder, 'resources') });
    const given = process.argv;
    process.argv = ['electron', root, join(folder, 'asked at start', 'Open.logonet')]; // a double click on a project
    await import('#main/preload/preload.ts');
    const transport = system.exposed.get('logonet') as FrameTransport;
    client = createClient(transport);
    client.on('app.openRequested', ({ path }) => opened.push(path));
    client.on('app.command', ({ command }) => commands.push(command));
    await import('#main/host/electron/main.ts');
    process.argv = given;
    await vi.waitUntil(() => BrowserWindow.all.length === 1);
  });
  afterAll(async () => {
    if (system.quits === 0) app.quit();
    await vi.waitUntil(() => servicesPid() === undefined, 30_000);
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  it('opens one hardened window at home, and nothing is sent anywhere', () => {
    expect(window()).toMatchObject({ url: 'logonet://app/', shown: true });
    expect(window().options.title).toBe('LoGoNet Studio');
    expect(window().options.webPreferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      devTools: false,
    });
    expect(system.sandboxed).toBe(true);
    expect(system.crashReporter).toEqual({ uploadToServer: false });
    expect(system.switches).toContainEqual(['host-resolver-rules', 'MAP * ~NOTFOUND']);
    expect(system.privileged).toMatchObject([{ scheme: 'logonet', privileges: { secure: true, bypassCSP: false } }]);
    expect([...system.exposed.keys()].sort()).toEqual(['logonet', 'logonetPathOf']);
  });

  it('works with real services: a project is made through preload, main and their process', async () => {
    expect(await client.app.info()).toMatchObject({ host: 'electron' });
    const path = join(folder, 'project');
    await client.projects.create({ path, name: 'Study', labels: testLabels });
    expect(existsSync(join(path, 'project.json'))).toBe(true);
    await expect.poll(() => opened).toEqual([join(folder, 'asked at start')]);
  });

  it('denies what a page may not do', () => {
    const { webContents } = window();
    const prevented = (event: string, details: object): boolean => {
      let stopped = false;
      webContents.emit(event, {
        ...details,
        preventDefault: () => {
          stopped = true;
        },
      });
      return stopped;
    };
    expect(prevented('will-navigate', { url: 'https://example.com/' })).toBe(true);
    expect(prevented('will-navigate', { url: 'logonet://app/' })).toBe(false);
    expect(prevented('will-redirect', { url: 'logonet://app/' })).toBe(true);
    expect(prevented('will-attach-webview', {})).toBe(true);
    expect(webContents.openHandler?.({ url: 'logonet://app/' })).toEqual({ action: 'deny' });
    const { set } = session.defaultSession;
    const answers: unknown[] = [];
    const call = (name: string, ...args: unknown[]): unknown => (set[name] as (...all: unknown[]) => unknown)(...args);
    call('permissionRequest', {}, 'geolocation', (answer: unknown) => answers.push(answer));
    for (const url of ['https://example.com/x', 'logonet://app/index.html'])
      call('request', { url }, (answer: unknown) => answers.push(answer));
    expect([...answers, call('permissionCheck'), call('device')]).toEqual([false, { cancel: true }, { cancel: false }, false, false]);
    let kept = true;
    session.defaultSession.emit('will-download', { preventDefault: () => (kept = false) }, { getURL: () => 'https://example.com/a.exe' });
    expect(kept).toBe(false);
    // Frames of another page, or of a frame inside, go nowhere: the services would hang up on what is no frame.
    const nonsense = Uint8Array.of(1, 2, 3);
    ipcMain.emit('frame', { senderFrame: { url: 'https://example.com/', parent: null } }, nonsense);
    ipcMain.emit('frame', { senderFrame: { url: 'logonet://app/', parent: {} } }, nonsense);
    ipcMain.emit('frame', { senderFrame: { url: 'logonet://app/', parent: null } }, 'no bytes');
  });

  it('serves the window by its own scheme, with its policy, and nothing outside of it', async () => {
    const handler = system.handlers.get('logonet')!;
    const outside = await handler(new Request('logonet://app/../package.json'));
    expect(outside.status).toBe(404);
    expect(outside.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
    expect((await handler(new Request('logonet://evil/'))).status).toBe(404);
    if (existsSync(join(root, 'dist/renderer/index.html'))) {
      const page = await handler(new Request('logonet://app/'));
      expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    }
  });

  it('asks for files and folders by the system’s dialogs', async () => {
    system.chosenPaths = [join(folder, 'scans')];
    expect(await client.files.pick({ kind: 'folder', title: 'Import a folder' })).toEqual({ paths: [join(folder, 'scans')] });
    expect(system.asked.at(-1)).toMatchObject({ title: 'Import a folder', properties: ['openDirectory'] });
    system.chosenPaths = null;
    expect(await client.files.pick({ kind: 'files', title: 'x' })).toEqual({ paths: null });
  });

  it('sends each item of the menu to the window as a command', async () => {
    const items = system.menu.flatMap(({ submenu }) => submenu ?? []).filter(({ click }) => click !== undefined);
    expect(items.length).toBeGreaterThan(12);
    for (const { click } of items) click?.();
    await expect.poll(() => commands.length).toBe(items.length);
    expect(commands).toContain('import');
  });

  it('is started once: a second start brings its project to this window', async () => {
    const project = join(folder, 'second');
    mkdirSync(project);
    writeFileSync(join(project, 'project.json'), '{}');
    window().minimized = true;
    app.emit('second-instance', {}, ['electron', join(project, 'Open.logonet')]);
    expect(window().minimized).toBe(false);
    let prevented = false;
    app.emit('open-file', { preventDefault: () => (prevented = true) }, join(project, 'Open.logonet')); // macOS
    expect(prevented).toBe(true);
    await expect.poll(() => opened.slice(1)).toEqual([project, project]);
  });

  it('asks before it leaves what is not saved', () => {
    const leaves = (button: number): boolean => {
      system.chosenButton = button;
      let left = false;
      window().webContents.emit('will-prevent-unload', { preventDefault: () => (left = true) });
      return left;
    };
    expect([leaves(0), leaves(1)]).toEqual([false, true]);
    expect(system.asked.at(-1)?.message).toBe('Some changes are not saved.');
  });

  it('begins the window again after its page crashed, and the services after they did', { timeout: 120_000 }, async () => {
    window().webContents.emit('render-process-gone', {}, { reason: 'crashed' });
    expect(window().webContents.reloads).toBe(1);
    expect(await client.app.info()).toMatchObject({ host: 'electron' });

    const before = servicesPid()!;
    process.kill(before, 'SIGKILL');
    await expect.poll(() => window().webContents.reloads, { timeout: 60_000 }).toBe(2);
    expect(servicesPid()).not.toBe(before);
    // A page that begins again has a new preload: here, a new client on the same bridge.
    const again = createClient(system.exposed.get('logonet') as FrameTransport);
    expect(await again.app.info()).toMatchObject({ host: 'electron' });
  });

  it('remembers where its window was', () => {
    window().emit('close');
    expect(JSON.parse(readFileSync(join(system.userData, 'window-state.json'), 'utf8'))).toMatchObject({ bounds: { width: 1200 } });
    let kept = false;
    window().emit('page-title-updated', { preventDefault: () => (kept = true) }, 'Mustermann');
    expect(kept).toBe(true);
  });

  it('ends with its services, which save first', { timeout: 60_000 }, async () => {
    app.emit('window-all-closed');
    await expect.poll(() => system.quits, { timeout: 30_000 }).toBe(1);
    expect(servicesPid()).toBeUndefined();
  });
});
