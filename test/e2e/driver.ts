import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { installedBrowser, openBrowser, type BrowserOptions } from '../support/browser.ts';
import { launchWebHost } from '../support/webHost.ts';
import { keepCensus } from './census/recorder.ts';
import { Cases } from './desk/cases.ts';
import { rememberMessages } from './desk/messages.ts';
import { rendererFolder } from './desk/openWindow.ts';

/**
 * The app as a person has it. What it can do lies in `desk/`, each over the one before: the window itself (`openWindow.ts`), its controls, its
 * messages, its views, and projects with their cases.
 */
export class Desk extends Cases {
  static async open(dataFolder: string, look: BrowserOptions = {}): Promise<Desk> {
    const executable = installedBrowser();
    if (executable === null) throw new Error('no browser');
    const host = await launchWebHost({ rendererFolder, dataFolder });
    const browser = await openBrowser(executable, look);
    const desk = new Desk(host, browser, await keepCensus(browser.context));
    await desk.browser.context.addInitScript(rememberMessages);
    await desk.page.goto(host.address);
    await desk.ready();
    return desk;
  }
}

/** The desk of a file's tests, over one data folder that outlives restarts. */
export interface TestDesk {
  readonly desk: Desk;
  /** Ends window and host, in whatever state they are, and starts both again. */
  restart(): Promise<void>;
}

/**
 * Opens a desk before the tests of a suite and clears it away after them. Where the tests are the steps of one `script`, what comes after a
 * step that failed is not tried.
 */
export function deskForTests({ script = false, look = {} }: { readonly script?: boolean; readonly look?: BrowserOptions } = {}): TestDesk {
  const data = mkdtempSync(join(tmpdir(), 'logonet-e2e-'));
  let desk: Desk | undefined;
  let broken: string | undefined;
  const open = async (): Promise<void> => {
    desk = await Desk.open(data, look);
  };
  beforeAll(open);
  beforeEach(({ task, onTestFailed }) => {
    if (script && broken !== undefined) throw new Error(`Not tried: “${broken}” failed before.`);
    onTestFailed(async () => {
      broken ??= task.name;
      await desk?.screenshot(`failed ${task.name.replace(/[^\w ]/g, '')}`);
    });
  });
  afterAll(async () => {
    await desk?.close();
    rmSync(data, { recursive: true, force: true, maxRetries: 20 }); // A killed host's compute process may still leave its checkpoint.
  });
  return {
    get desk() {
      if (desk === undefined) throw new Error('The desk is not open yet.');
      return desk;
    },
    restart: async () => {
      await desk?.close();
      await open();
    },
  };
}
