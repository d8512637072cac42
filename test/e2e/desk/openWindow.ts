import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import type { OpenBrowser } from '../../support/browser.ts';
import { connectClient, launchWebHost, type RunningWebHost } from '../../support/webHost.ts';
import { keepsCensus, type Census } from '../census/recorder.ts';

const root = resolve(import.meta.dirname, '../../..');
export const rendererFolder = join(root, 'dist/renderer');
/** What the window tests leave to be looked at. */
export const results = join(root, 'test-results');
/** What each desk has seen and pressed, for the census. */
export const censusFolder = join(results, 'census');

/** A real host process and a real browser window. */
export class OpenWindow {
  host: RunningWebHost;
  readonly browser: OpenBrowser;
  readonly census: Census;
  page: Page;
  /** What the window threw or logged as an error. */
  readonly errors: string[] = [];

  protected constructor(host: RunningWebHost, browser: OpenBrowser, census: Census) {
    this.host = host;
    this.browser = browser;
    this.census = census;
    this.page = browser.page;
    this.#listen();
  }

  /** What the window throws or logs as an error is kept. */
  #listen(): void {
    this.page.on('pageerror', (error) => this.errors.push(error.stack ?? error.message));
    this.page.on('console', (message) => {
      // The host's entry page has no icon of its own.
      if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico'))
        this.errors.push(`${message.text()} ${message.location().url}`);
    });
  }

  /** Another window of the same program, in the place of this one. */
  async anotherWindow(): Promise<void> {
    this.page = await this.browser.context.newPage();
    this.#listen();
    await this.page.goto(this.host.origin);
    await this.ready();
  }

  /** The window has begun, and listens. */
  async ready(): Promise<void> {
    await this.page.waitForSelector('html[data-ready=true]');
  }

  /** Ends the host as kill -9 does, and starts it again under the window that is left. */
  async restartHost(): Promise<void> {
    const { process, dataFolder } = this.host;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGKILL');
    await ended;
    this.host = await launchWebHost({ rendererFolder, dataFolder });
    await this.page.goto(this.host.address);
    await this.ready();
    // The window looked for the host that was gone.
    const others = this.errors.filter((each) => !each.includes('ERR_CONNECTION_REFUSED'));
    this.errors.splice(0, Infinity, ...others);
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.host.stop();
    if (!keepsCensus) return;
    const { seen, pressed, nameless } = this.census;
    mkdirSync(censusFolder, { recursive: true });
    writeFileSync(
      join(censusFolder, `${String(process.pid)}-${String(Date.now())}.json`),
      JSON.stringify({ seen: [...seen], pressed: [...pressed], nameless: [...nameless] }),
    );
  }

  /** A client beside the window's, with its right to call. */
  async client(): ReturnType<typeof connectClient> {
    const cookies = await this.browser.context.cookies();
    return connectClient(this.host.origin, cookies.map(({ name, value }) => `${name}=${value}`).join('; '));
  }

  /** Folder of the project that is open. */
  async projectPath(): Promise<string> {
    const { client, socket } = await this.client();
    const { project } = await client.projects.current();
    socket.close();
    if (project === null) throw new Error('no project is open');
    return project.path;
  }

  /** Opens a project in the host, and in the window, which is loaded anew. */
  async showProject(path: string): Promise<void> {
    const { client, socket } = await this.client();
    await client.projects.open({ path });
    socket.close();
    await this.page.reload();
    await this.ready();
  }
}
