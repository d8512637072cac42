/** The window's hardening as data, so that it can be tested without Electron. */
import type { WebPreferences } from 'electron';

export const scheme = 'logonet';
/** The renderer's only origin. A standard, secure scheme of its own: nothing is loaded from file: or from a network. */
export const origin = `${scheme}://app`;

export const schemePrivileges = {
  standard: true,
  secure: true,
  supportFetchAPI: true,
  allowServiceWorkers: false,
  corsEnabled: false,
  bypassCSP: false,
  stream: true,
} as const;

/** Preferences of the only kind of window there is. */
export function webPreferences(preload: string): WebPreferences {
  return {
    preload,
    contextIsolation: true,
    sandbox: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
    navigateOnDragDrop: false,
    safeDialogs: true,
    spellcheck: false,
    devTools: false,
  };
}

/** Set before the app is ready: nothing of Chromium's calls home, and names are never looked up. */
export const commandLineSwitches: readonly (readonly [string, string?])[] = [
  ['disable-background-networking'],
  ['disable-component-update'],
  ['disable-domain-reliability'],
  ['disable-sync'],
  ['no-pings'],
  ['disable-breakpad'],
  ['host-resolver-rules', 'MAP * ~NOTFOUND'],
  ['proxy-server', 'direct://'],
];

/** Only the window's own page may be gone to. */
export function mayNavigate(url: string): boolean {
  return originOf(url) === origin;
}

/** What the page's session may request: its own scheme, and data it made itself. */
export function mayRequest(url: string): boolean {
  return originOf(url) === origin || url.startsWith(`blob:${origin}/`) || url.startsWith('data:') || url.startsWith('devtools:');
}

/** What the page may hand over as a file: data it made itself (strokes that could not be saved). The system asks where. */
export function mayDownload(url: string): boolean {
  return url.startsWith(`blob:${origin}/`);
}

/** Whether a message to main comes from the page itself: the top frame, at home. */
export function mayTalk(frame: { readonly url: string; readonly parent: unknown } | null): boolean {
  return frame !== null && frame.parent === null && originOf(frame.url) === origin;
}

/** `scheme://host`; the URL class gives custom schemes the origin "null". */
function originOf(url: string): string | null {
  const parsed = URL.parse(url);
  return parsed === null || parsed.username !== '' || parsed.port !== '' ? null : `${parsed.protocol}//${parsed.hostname}`;
}
