import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy, securityHeaders } from '#main/host/contentSecurity.ts';
import { locate, projectOf } from '#main/host/electron/locations.ts';
import { menuTemplate } from '#main/host/electron/menu.ts';
import { commandLineSwitches, mayDownload, mayNavigate, mayRequest, mayTalk, webPreferences } from '#main/host/electron/security.ts';
import { fitWindow, minimumSize, readWindowState, writeWindowState } from '#main/host/electron/windowState.ts';
import { readStaticFile } from '#main/host/staticFiles.ts';

const root = resolve(import.meta.dirname, '../../..');

describe('the window', () => {
  it('is isolated, sandboxed and without Node', () => {
    expect(webPreferences('/preload.cjs')).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      webSecurity: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      devTools: false,
    });
  });

  const elsewhere = [
    'https://example.com/',
    'http://127.0.0.1/',
    'file:///etc/passwd',
    'about:blank',
    'javascript:alert(1)',
    'logonet://evil/',
    'logonet://app.evil/',
    'logonet://app@evil/',
    'logonet://user@app/',
    'logonet://app:8080/',
    'data:text/html,x',
    'blob:https://example.com/1',
    'chrome://settings',
    '',
    'LOGONET:app',
    'devtools://x',
    'view-source:logonet://app/',
  ];
  it('goes nowhere but home', () => {
    expect(elsewhere.filter(mayNavigate)).toEqual([]);
    expect(['logonet://app/', 'logonet://app/index.html?x#y'].map(mayNavigate)).toEqual([true, true]);
  });

  it('requests nothing from outside', () => {
    const allowed = elsewhere.filter(mayRequest);
    expect(allowed).toEqual(['data:text/html,x', 'devtools://x']);
    expect(mayRequest('blob:logonet://app/0f')).toBe(true);
  });

  it('hands over as a file what it made itself, and nothing else', () => {
    expect([...elsewhere, 'logonet://app/', 'blob:logonet://apple/1'].filter(mayDownload)).toEqual([]);
    expect(mayDownload('blob:logonet://app/0f')).toBe(true);
  });

  it('is listened to only from its own top frame', () => {
    expect(mayTalk({ url: 'logonet://app/', parent: null })).toBe(true);
    expect(mayTalk({ url: 'logonet://app/', parent: {} })).toBe(false);
    expect(mayTalk({ url: 'https://example.com/', parent: null })).toBe(false);
    expect(mayTalk(null)).toBe(false);
  });

  it('looks up no names and reports nowhere', () => {
    expect(commandLineSwitches).toContainEqual(['host-resolver-rules', 'MAP * ~NOTFOUND']);
    expect(readFileSync(join(root, 'src-main/host/electron/main.ts'), 'utf8')).toContain('crashReporter.start({ uploadToServer: false })');
  });

  it('denies windows, permissions, downloads, redirects and web views in the one place where contents are made', () => {
    const source = readFileSync(join(root, 'src-main/host/electron/main.ts'), 'utf8').replace(/\s+/g, ' '); // however it is wrapped
    for (const line of [
      "setWindowOpenHandler(() => ({ action: 'deny' }))",
      'setPermissionRequestHandler((_contents, _permission, answer) => { answer(false); })',
      'setPermissionCheckHandler(() => false)',
      'setDevicePermissionHandler(() => false)',
      "'will-download', (event, item) => { if (!mayDownload(item.getURL())) event.preventDefault(); }",
      "'will-redirect', (event) => { event.preventDefault(); }",
      "'will-attach-webview', (event) => { event.preventDefault(); }",
    ])
      expect(source).toContain(line);
    expect(source).not.toMatch(/openExternal|loadFile|remote\b|executeJavaScript/);
  });

  it('shows a preload that exposes frames, where a dropped file lies, and nothing else', () => {
    const source = readFileSync(join(root, 'src-main/preload/preload.ts'), 'utf8');
    expect([...source.matchAll(/exposeInMainWorld\('(\w+)'/g)].map((match) => match[1])).toEqual(['logonet', 'logonetPathOf']);
    expect(source.match(/exposeInMainWorld/g)).toHaveLength(2);
    expect([...source.matchAll(/^import .* from '([^']+)'/gm)].map((match) => match[1])).toEqual([
      'electron',
      '#shared/contract/client.ts',
    ]);
  });
});

describe('pages', () => {
  it('carry a policy without inline scripts, eval or foreign origins', () => {
    const policy = contentSecurityPolicy('ws://127.0.0.1:5');
    expect(policy.startsWith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")).toBe(true);
    for (const directive of ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) expect(policy).toContain(directive);
    expect(policy).not.toMatch(/https?:|\*/);
    expect(securityHeaders(policy)).toMatchObject({ 'Cross-Origin-Opener-Policy': 'same-origin', 'Referrer-Policy': 'no-referrer' });
  });

  it('come from the build folder only, links included', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'logonet-static-'));
    const outside = mkdtempSync(join(tmpdir(), 'logonet-outside-'));
    writeFileSync(join(folder, 'index.html'), 'home');
    writeFileSync(join(outside, 'secret.txt'), 'secret');
    symlinkSync(join(outside, 'secret.txt'), join(folder, 'link.txt'));
    expect((await readStaticFile(folder, '/'))?.body.toString()).toBe('home');
    for (const path of [
      '/link.txt',
      '/../x.txt',
      `/..%2f${outside.split('/').at(-1) ?? ''}/secret.txt`,
      '/a\0.txt',
      '/%ff',
      '/nothing.js',
      '/index.exe',
    ])
      expect(await readStaticFile(folder, path)).toBeNull();
    for (const each of [folder, outside]) rmSync(each, { recursive: true });
  });
});

describe('the window’s place', () => {
  const display = { x: 0, y: 0, width: 1920, height: 1040 };
  it('is remembered where it can be seen, and otherwise in the middle', () => {
    const good = { bounds: { x: 100, y: 100, width: 1400, height: 900 }, maximized: false };
    expect(fitWindow(good, [display])).toEqual(good);
    const lost = { bounds: { x: 5000, y: 100, width: 1400, height: 900 }, maximized: true };
    const placed = fitWindow(lost, [display]);
    expect(placed.maximized).toBe(true);
    expect(placed.bounds.x).toBeGreaterThanOrEqual(0);
    expect(placed.bounds.x + placed.bounds.width).toBeLessThanOrEqual(1920);
    expect(fitWindow(null, []).bounds.width).toBeGreaterThanOrEqual(minimumSize.width);
  });

  it('survives a damaged file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'logonet-window-'));
    const state = { bounds: { x: 1, y: 2, width: 1300, height: 800 }, maximized: false };
    writeWindowState(join(folder, 'a', 'state.json'), state);
    expect(readWindowState(join(folder, 'a', 'state.json'))).toEqual(state);
    writeFileSync(join(folder, 'bad.json'), '{"bounds":{"x":null}}');
    expect(readWindowState(join(folder, 'bad.json'))).toBeNull();
    rmSync(folder, { recursive: true });
  });
});

describe('the menu and the command line', () => {
  it('have no item that leaves the program', () => {
    const text = JSON.stringify(menuTemplate('linux', () => undefined));
    expect(text).not.toMatch(/toggleDevTools|forceReload|"reload"|https?:/);
  });

  it('find the project that was asked for', () => {
    expect(projectOf(['electron', '/home/a/project/Open.logonet'])).toBe('/home/a/project');
    const folder = mkdtempSync(join(tmpdir(), 'logonet-open-'));
    const packed = join(folder, 'Abdomen.LOGONET');
    writeFileSync(packed, 'x');
    expect(projectOf(['electron', packed])).toBe(packed);
    writeFileSync(join(folder, 'project.json'), '{}'); // Now it stands in a project.
    expect(projectOf(['electron', packed])).toBe(folder);
    rmSync(folder, { recursive: true });
    expect(projectOf(['electron', '--flag', '/home/a/project/project.json'])).toBe('/home/a/project');
    expect(projectOf(['electron', '.'])).toBeNull();
    expect(projectOf(['electron', '--inspect'])).toBeNull();
  });

  it('find the services outside the archive and the Node beside the app', () => {
    const places = locate('/opt/studio/resources/app.asar', '/opt/studio/resources', 'linux', {});
    expect(places.services).toBe('/opt/studio/resources/app.asar.unpacked/src-main/host/process/main.ts');
    expect(places.node).toBe('/opt/studio/resources/node/node');
    expect(places.preload).toBe('/opt/studio/resources/app.asar/dist/main/preload.cjs');
  });
});
