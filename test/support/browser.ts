import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, resolve, sep } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { findBrowser } from '../../scripts/browser.mjs';

/** An installed Chromium-like browser, or null: then browser tests are reported as skipped. */
export function installedBrowser(): string | null {
  return findBrowser() ?? null;
}

export interface OpenBrowser {
  readonly page: Page;
  readonly context: BrowserContext;
  close(): Promise<void>;
}

export interface BrowserOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
}

/** Longer than anything takes on a slow machine that is busy with other things; what does not come at all fails then. */
export const PATIENCE_MS = 90_000;

/** Draws with SwiftShader, so that it works without a GPU. */
export const drawing = [
  '--no-sandbox',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-gpu-rasterization', // Debian's switches it on: what is no canvas, too, would be drawn by SwiftShader.
  '--disable-gpu-compositing', // Nor is the page put together by it at every move of the mouse.
  '--disable-dev-shm-usage',
  '--enable-blink-features=ComputedAccessibilityInfo', // roles and names from the browser's own accessibility tree
];

/** Of every window. Nothing moves by itself, so that a picture shows no state in between. */
const looks = ({ width = 1280, height = 720, scale = 1 }: BrowserOptions) =>
  ({ viewport: { width, height }, deviceScaleFactor: scale, reducedMotion: 'reduce' }) as const;

/** A window with a fresh profile: in a browser that the run shares, where it has some (`sharedBrowsers`), else in one of its own. */
export async function openBrowser(executablePath: string, options: BrowserOptions = {}): Promise<OpenBrowser> {
  const shared = process.env['LOGONET_BROWSERS'];
  return shared === undefined ? ownBrowser(executablePath, options) : inSharedBrowser(shared, options);
}

async function ownBrowser(executablePath: string, options: BrowserOptions): Promise<OpenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'logonet-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    timeout: PATIENCE_MS,
    args: [...drawing],
    ...looks(options),
  });
  return {
    ...(await windowOf(context)),
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 20 }); // A process of the browser's may still write.
    },
  };
}

async function inSharedBrowser(shared: string, options: BrowserOptions): Promise<OpenBrowser> {
  const answer = await fetch(`${shared}/${process.env['VITEST_POOL_ID'] ?? '1'}`);
  const address = await answer.text();
  if (!answer.ok) throw new Error(`No browser could be started: ${address}`);
  const browser = await chromium.connectOverCDP(address, { timeout: PATIENCE_MS });
  const context = await browser.newContext(looks(options));
  return {
    ...(await windowOf(context)),
    close: async () => {
      await context.close();
      await browser.close(); // The connection; the browser stays.
    },
  };
}

async function windowOf(context: BrowserContext): Promise<Pick<OpenBrowser, 'page' | 'context'>> {
  context.setDefaultTimeout(PATIENCE_MS);
  return { context, page: context.pages()[0] ?? (await context.newPage()) };
}

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Serves a built folder on a free loopback port. */
export async function serveFolder(folder: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const root = resolve(folder);
  const server = createServer((request, response) => {
    const path = resolve(root, `.${decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)}`);
    const file = path === root ? join(root, 'index.html') : path;
    if (!file.startsWith(root + sep) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
      }),
  };
}
