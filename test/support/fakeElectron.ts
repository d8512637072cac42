/**
 * Electron's modules as far as main and preload use them, for machines without its program: the same names, what is set is remembered, and a test
 * brings about what the system would. Messages pass between preload and main as they do there: cloned, and only from a frame that is named.
 * What Chromium does with the settings is for `test/e2e/electron.test.ts`, where the program is.
 */
import { EventEmitter } from 'node:events';

type Listener = (...args: never[]) => unknown;

class FakeContents extends EventEmitter {
  openHandler: ((details: { url: string }) => { action: string }) | undefined;
  reloads = 0;
  setWindowOpenHandler(handler: FakeContents['openHandler']): void {
    this.openHandler = handler;
  }
  send(channel: string, ...args: readonly unknown[]): void {
    ipcRenderer.emit(channel, {}, ...args.map((each) => structuredClone(each)));
  }
  reload(): void {
    this.reloads += 1;
    this.emit('did-start-navigation', { isMainFrame: true, isSameDocument: false });
    this.emit('did-finish-load');
  }
}

export class BrowserWindow extends EventEmitter {
  static readonly all: BrowserWindow[] = [];
  readonly webContents = new FakeContents();
  readonly options: { readonly webPreferences: Record<string, unknown>; readonly title: string } & Record<string, unknown>;
  url = '';
  shown = false;
  focused = 0;
  minimized = false;
  constructor(options: BrowserWindow['options']) {
    super();
    this.options = options;
    BrowserWindow.all.push(this);
    app.emit('web-contents-created', {}, this.webContents);
  }
  loadURL(url: string): Promise<void> {
    this.url = url;
    this.webContents.emit('did-start-navigation', { isMainFrame: true, isSameDocument: false });
    this.emit('ready-to-show');
    this.webContents.emit('did-finish-load');
    return Promise.resolve();
  }
  show(): void {
    this.shown = true;
  }
  focus(): void {
    this.focused += 1;
  }
  isMinimized(): boolean {
    return this.minimized;
  }
  restore(): void {
    this.minimized = false;
  }
  maximize(): void {
    // remembered by nobody
  }
  isMaximized(): boolean {
    return false;
  }
  getNormalBounds(): object {
    return { x: 10, y: 20, width: 1200, height: 800 };
  }
}

/** What the test decides, and what was asked of the system. */
export const system = {
  appPath: '',
  userData: '',
  firstInstance: true,
  quits: 0,
  switches: [] as (readonly [string, string | undefined])[],
  crashReporter: undefined as unknown,
  sandboxed: false,
  privileged: [] as unknown[],
  handlers: new Map<string, (request: Request) => Promise<Response>>(),
  menu: [] as { readonly label?: string; readonly submenu?: readonly { readonly label?: string; readonly click?: () => void }[] }[],
  /** Answers of the next dialogs. */
  chosenPaths: null as string[] | null,
  chosenButton: 0,
  asked: [] as { readonly message?: string; readonly title?: string }[],
  exposed: new Map<string, unknown>(),
};

class FakeApp extends EventEmitter {
  readonly commandLine = {
    appendSwitch: (name: string, value?: string): void => {
      system.switches.push([name, value]);
    },
  };
  getAppPath(): string {
    return system.appPath;
  }
  getPath(): string {
    return system.userData;
  }
  requestSingleInstanceLock(): boolean {
    return system.firstInstance;
  }
  enableSandbox(): void {
    system.sandboxed = true;
  }
  whenReady(): Promise<void> {
    return Promise.resolve();
  }
  /** As Electron's: what prevents the event keeps the program. */
  quit(): void {
    let prevented = false;
    this.emit('before-quit', {
      preventDefault: () => {
        prevented = true;
      },
    });
    if (!prevented) system.quits += 1;
  }
}
export const app = new FakeApp();

export const crashReporter = {
  start: (options: unknown): void => {
    system.crashReporter = options;
  },
};
export const dialog = {
  showOpenDialog: (_window: unknown, options: { title: string }) => {
    system.asked.push(options);
    return Promise.resolve({ canceled: system.chosenPaths === null, filePaths: system.chosenPaths ?? [] });
  },
  showMessageBoxSync: (...args: readonly unknown[]) => {
    system.asked.push(args.at(-1) as { message: string });
    return system.chosenButton;
  },
};
export const ipcMain = new EventEmitter();
export const ipcRenderer = Object.assign(new EventEmitter(), {
  /** Of the page's own frame; a test sends for others by `ipcMain.emit`. */
  send: (channel: string, ...args: readonly unknown[]): void => {
    ipcMain.emit(channel, { senderFrame: { url: 'logonet://app/', parent: null } }, ...args.map((each) => structuredClone(each)));
  },
});
export const Menu = {
  buildFromTemplate: <T>(template: T): T => template,
  setApplicationMenu: (menu: typeof system.menu): void => {
    system.menu = menu;
  },
};
export const protocol = {
  registerSchemesAsPrivileged: (schemes: unknown[]): void => {
    system.privileged = schemes;
  },
  handle: (scheme: string, handler: (request: Request) => Promise<Response>): void => {
    system.handlers.set(scheme, handler);
  },
};
export const screen = { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] };

class FakeSession extends EventEmitter {
  readonly set: Record<string, Listener> = {};
  readonly webRequest = {
    onBeforeRequest: (listener: Listener): void => {
      this.set['request'] = listener;
    },
  };
  setPermissionRequestHandler(listener: Listener): void {
    this.set['permissionRequest'] = listener;
  }
  setPermissionCheckHandler(listener: Listener): void {
    this.set['permissionCheck'] = listener;
  }
  setDevicePermissionHandler(listener: Listener): void {
    this.set['device'] = listener;
  }
}
export const session = { defaultSession: new FakeSession() };
export const contextBridge = {
  exposeInMainWorld: (name: string, value: unknown): void => {
    system.exposed.set(name, value);
  },
};
export const webUtils = { getPathForFile: (file: { path: string }): string => file.path };
