import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawing, installedBrowser } from './browser.ts';

interface Shared {
  readonly process: ChildProcess;
  /** Of its DevTools. */
  readonly address: string;
}

/**
 * For a whole run of tests: one browser for each file that runs at a time, begun by the first that asks and kept for the next. A browser takes
 * seconds of a processor to start, and has compiled its shaders by the second file; each file has a profile of its own in it (`openBrowser`).
 */
export default async function sharedBrowsers(): Promise<() => Promise<void>> {
  const executable = installedBrowser();
  if (executable === null) return () => Promise.resolve();
  const profiles = mkdtempSync(join(tmpdir(), 'logonet-browsers-'));
  const begun = new Map<string, Promise<Shared>>();
  const of = async (place: string): Promise<Shared> => {
    const there = await begun.get(place);
    if (there !== undefined && hasEnded(there.process) === false) return there;
    const fresh = begin(executable, mkdtempSync(join(profiles, 'profile-')));
    begun.set(place, fresh);
    return fresh;
  };
  const server = createServer((request, response) => {
    of(request.url ?? '').then(
      ({ address }) => response.end(address),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  process.env['LOGONET_BROWSERS'] = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return async () => {
    delete process.env['LOGONET_BROWSERS'];
    server.close();
    for (const shared of begun.values()) await end((await shared).process);
    rmSync(profiles, { recursive: true, force: true, maxRetries: 20 });
  };
}

/** As Playwright starts its own: nothing of the browser's runs beside the pages, and these are never slowed down. */
const quiet = [
  '--headless',
  '--allow-pre-commit-input',
  '--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4',
  '--disable-back-forward-cache',
  '--disable-background-networking',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-breakpad',
  '--disable-component-extensions-with-background-pages',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-extensions',
  '--disable-features=AimEnabled,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,ThirdPartyStoragePartitioning,Translate,WebUIOmniboxAimPopup,WebUIOmniboxPopup',
  '--disable-field-trial-config',
  '--disable-hang-monitor',
  '--disable-ipc-flooding-protection',
  '--disable-popup-blocking',
  '--disable-prompt-on-repost',
  '--disable-renderer-backgrounding',
  '--disable-search-engine-choice-screen',
  '--disable-sync',
  '--enable-features=CDPScreenshotNewSurface',
  '--force-color-profile=srgb',
  '--hide-scrollbars',
  '--metrics-recording-only',
  '--mute-audio',
  '--no-default-browser-check',
  '--no-first-run',
  '--password-store=basic',
  '--remote-debugging-port=0',
  '--use-mock-keychain',
];

function begin(executable: string, profile: string): Promise<Shared> {
  const child = spawn(executable, [...quiet, ...drawing, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return new Promise((found, failed) => {
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said = (said + data.toString()).slice(-10_000);
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (address !== undefined) found({ process: child, address });
    });
    child.once('error', failed);
    child.once('exit', (code) => {
      failed(new Error(`the browser ended with ${String(code)}: ${said}`));
    });
  });
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill();
  await ended;
}
