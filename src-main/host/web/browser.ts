import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Browsers that can open an app window, in the order they are tried. */
export function browserCandidates(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv): readonly string[] {
  if (platform === 'win32') {
    const roots = [environment['ProgramFiles'], environment['ProgramFiles(x86)'], environment['LOCALAPPDATA']].filter(
      (root) => root !== undefined,
    );
    return [
      'Google\\Chrome\\Application\\chrome.exe',
      'Chromium\\Application\\chrome.exe',
      'Microsoft\\Edge\\Application\\msedge.exe',
    ].flatMap((relative) => roots.map((root) => `${root}\\${relative}`));
  }
  if (platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  }
  const names = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'microsoft-edge', 'microsoft-edge-stable'];
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

/** The person's own choice (LOGONET_BROWSER), else the first installed candidate, else null. */
export function findBrowser(
  platform = process.platform,
  environment = process.env,
  exists: (file: string) => boolean = existsSync,
): string | null {
  const chosen = environment['LOGONET_BROWSER'];
  if (chosen !== undefined && chosen !== '') return exists(chosen) ? chosen : null;
  return browserCandidates(platform, environment).find(exists) ?? null;
}

/** Opens an app window with a profile of its own, so that no other page shares its cookie, and nothing calls home. */
export function openAppWindow(browser: string, address: string, profileFolder: string): ChildProcess {
  return spawn(
    browser,
    [
      `--app=${address}`,
      `--user-data-dir=${profileFolder}`,
      '--no-first-run',
      '--no-default-browser-check',
      '--disable-sync',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-domain-reliability',
      '--disable-breakpad',
      '--metrics-recording-only',
      '--no-pings',
      '--disable-extensions',
      '--proxy-server=direct://',
      '--window-size=1600,1000',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
    { stdio: 'ignore' },
  );
}
