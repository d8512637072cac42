import type { BrowserContext } from 'playwright-core';

/** What was seen and pressed: `place | role | name`, and for what was pressed what changed. */
export interface Census {
  readonly seen: Set<string>;
  readonly pressed: Map<string, string>;
  /** Controls that a screen reader has no name for. */
  readonly nameless: Set<string>;
}

/** What the page offers to the tests. */
export interface PageCensus {
  /** A control's key, from the browser's own accessibility tree. */
  keyOf(element: Element): string;
  /** The controls that can be pressed now. */
  controls(): readonly HTMLElement[];
  /** The first control that can be pressed now and whose key is not among these. */
  next(done: readonly string[]): HTMLElement | undefined;
  /** What the window says, and in which state its controls are, but for one of them. */
  state(except?: Element): string;
}

/** What Chromium says of an element where `ComputedAccessibilityInfo` is enabled. */
export interface Computed {
  readonly computedRole: string;
  readonly computedName: string;
}

/**
 * Runs in the page, before its own scripts: what the tests ask of its controls, and how often a hand is there. `keeps`: it also sees every
 * control of every state, and each that a hand presses with what follows.
 */
function observe(keeps: boolean): void {
  const note = (window as unknown as { readonly noteCensus: (kind: string, key: string, effect: string) => void }).noteCensus;
  const selector =
    'button, input, select, textarea, summary, a[href], [role=option], [role=listbox], [role=application], [role=region][tabindex], [role=tab]';
  /** Names that come from data. */
  const patterns: readonly (readonly [RegExp, string])[] = [
    [/^(Choose|Import) \(\d+\)$/, '$1'],
    [
      /^(Colour of|Hide|Lock|Remove|Bring back|Choose|Leave out|Label for|Solo|Show only|Turn|Key of|No key for|Reset the key of|Take the mask of) .+$/,
      '$1 …',
    ],
    [/^(Place|Rename) .+ (by hand|in all cases)$/, '$1 … $2'],
    [/^(New name of|Start from) .+$/, '$1 …'],
    [/^.+ lies inside$/, '… lies inside'],
    [/^Take .+ off the list$/, 'Take … off the list'],
    [/^Change .+ everywhere$/, 'Change … everywhere'],
    [/^Carry “.+” to another computer…$/, 'Carry “…” to another computer…'],
    [/^Move .+ to the front by one$/, 'Move … to the front by one'],
    [/^(Axial|Coronal|Sagittal) view, .+$/, '$1 view, …'],
    [/^Demo project .+$/, 'Demo project'],
    [/^(Angle|Area|Distance) \d.*$/, '$1 …'],
    [/^.*: go to .+$/, '… go to …'],
    [/^(Opacity|Outline) of (?!Correction|Prediction|Difference|Uncertainty).+$/, '$1 of …'],
    [/^Undo .+$/, 'Undo'],
    [/^Uncertain regions .+$/, 'Uncertain regions'],
    [/^Join (?:them|\d+)$/, 'Join …'],
    [/^Accept \d+ cases?$/, 'Accept # cases'],
    [/^Erase in\b.*$/, 'Erase in …'],
    [/^(Name|Status|Unsure) [↑↓]$/, '$1'],
    [/^Dice \S+|not measured/, 'Dice'],
    [/\d+(?:[.,]\d+)*/g, '#'],
  ];
  const placeOf = (element: Element): string => {
    const dialog = element.closest('dialog');
    if (dialog !== null) {
      // The folder browser is one, whatever is chosen with it; what follows from a choice is not.
      if (dialog.querySelector('nav[aria-label=Places]') !== null && !element.matches('footer .primary')) return 'folder browser';
      return `dialog “${(dialog.getAttribute('aria-label') ?? '').replace(/“.*”/, '“…”').replace(/\d+/g, '#')}”`;
    }
    const parts: string[] = [];
    for (let each = element.parentElement; each !== null; each = each.parentElement) {
      const label = each.getAttribute('aria-label');
      const named = each.matches('section, nav, main, ul, ol, aside, [role=group], [role=toolbar], [role=radiogroup], [role=region]');
      if (label !== null && named) parts.unshift(label.replace(/^Contents of .*/, 'Contents'));
      if (each.tagName === 'MAIN') break;
    }
    const panel = element.closest('[aria-label="Tool settings"]');
    if (panel !== null) parts.push(panel.querySelector('h3, h2')?.textContent ?? '');
    return parts.join(' / ');
  };
  const keyOf = (element: Element): string => {
    const { computedRole, computedName } = element as unknown as { readonly computedRole: string; readonly computedName: string };
    const place = placeOf(element);
    let name = computedName.trim();
    const list = element.closest('li, [role=option]');
    if (list !== null && element.matches('li button.open')) name = 'a recent project';
    else if (element.matches('[role=option]')) name = place.includes('Commands') ? 'a command' : 'a case';
    else if (element.matches('[aria-label=Labels] li button.name')) name = 'a label';
    else if (element.matches('[aria-label=History] li button')) name = 'a step';
    else if (element.matches('[aria-label="Image in the views"] input, [aria-label="Images that the network takes"] input'))
      name = 'an image';
    else if (element.matches('[aria-label=Models] li button')) name = 'a model';
    else if (element.matches('[aria-label="Improve the model"] li button')) name = 'a run';
    else if (element.matches('[aria-label^="Contents of"] li button')) name = 'an entry';
    else if (element.matches('nav[aria-label=Places] button')) name = 'a place';
    else if (element.matches('table input[name=device]') && element.id === '') name = 'a device';
    else if (element.matches('input[type=checkbox][aria-label^="Accept "]')) name = 'Accept …';
    else if (element.matches('[aria-label=Messages] footer button.activity')) name = 'the running job';
    else for (const [pattern, by] of patterns) name = name.replace(pattern, by);
    return `${place} | ${computedRole} | ${name}`;
  };
  const shown = (element: Element): boolean => element.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true });
  const controls = (): HTMLElement[] => {
    const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? null; // What lies under it cannot be reached.
    return [...document.querySelectorAll<HTMLElement>(selector)].filter(
      (element) => shown(element) && (top === null || element.closest('dialog') === top),
    );
  };
  const stateOf = (element: Element): string =>
    `${(element as HTMLInputElement).value ?? ''}${String((element as HTMLInputElement).checked ?? '')}${['aria-pressed', 'aria-checked', 'aria-selected', 'aria-current', 'aria-expanded'].map((name) => element.getAttribute(name) ?? '').join()}${String(element.matches(':disabled'))}`;
  const state = (except?: Element): string => {
    const all = [...document.querySelectorAll(selector)].filter(shown);
    return [
      [...document.querySelectorAll<HTMLElement>('main, dialog, nav')].map(({ innerText }) => innerText).join('\n'),
      ...all.filter((each) => each !== except).map(stateOf),
      `${String(all.length)} controls`, // also what was pressed may go
    ].join('\n');
  };
  /** Keys by what is said of an element: the tree is slow to answer. */
  const keys = new WeakMap<Element, { readonly said: string; readonly key: string }>();
  const knownKeyOf = (element: Element): string => {
    const said = `${element.getAttribute('aria-label') ?? ''}${element.textContent}${placeOf(element)}`;
    const before = keys.get(element);
    if (before?.said === said) return before.key;
    const key = keyOf(element);
    keys.set(element, { said, key });
    return key;
  };
  const next = (done: readonly string[]): HTMLElement | undefined => {
    const known = new Set(done);
    let chosen: HTMLElement | undefined;
    for (const element of controls()) {
      if (element.matches(':disabled') || known.has(knownKeyOf(element))) continue;
      // What is chosen already changes nothing until another of its group was.
      if (!element.matches('[type=radio]:checked, [role=radio][aria-checked=true]')) return element;
      chosen ??= element;
    }
    return chosen;
  };
  const hands = { clicks: 0, keys: 0 };
  addEventListener('pointerdown', (event) => (hands.clicks += event.isTrusted ? 1 : 0), true);
  addEventListener('keydown', (event) => (hands.keys += event.isTrusted && !event.repeat ? 1 : 0), true);
  Object.assign(window, { census: { keyOf, controls, next, state } satisfies PageCensus, hands });
  if (!keeps) return;

  const known = new Set<string>();
  const nameless = new WeakSet<Element>();
  let pressed: {
    readonly key: string;
    readonly element: Element;
    readonly own: string;
    readonly before: string;
    readonly at: number;
  } | null = null;
  const settle = (): void => {
    if (pressed === null) return;
    const { key, element, own, before, at } = pressed;
    const effect = state(element) !== before ? 'window' : element.isConnected && stateOf(element) !== own ? 'own' : '';
    if (effect !== '') note('pressed', key, effect);
    if (effect === 'window' || performance.now() - at > 5000) pressed = null;
  };
  let waiting = false;
  /** What was said of a control when it was looked at last: its name is asked for once. */
  const looked = new WeakMap<Element, string>();
  const look = (): void => {
    waiting = false;
    let again = pressed !== null;
    for (const element of controls()) {
      const said = `${element.getAttribute('aria-label') ?? ''}${element.textContent}`;
      if (looked.get(element) === said && !nameless.has(element)) continue;
      looked.set(element, said);
      const key = keyOf(element);
      if (known.has(key)) continue;
      if (key.endsWith('| ') && !nameless.has(element)) {
        nameless.add(element); // The tree follows the page: only what has no name at the second look has none.
        again = true;
        continue;
      }
      known.add(key);
      note('seen', key, '');
      if (key.endsWith('| ')) note('nameless', `${key}${element.outerHTML.slice(0, 160)}`, '');
    }
    if (again) setTimeout(soon, 300);
    settle();
  };
  /** What a hand pressed is looked at before a test can go on to another page. */
  const soon = (): void => {
    if (pressed !== null) setTimeout(settle, 40);
    if (waiting) return;
    waiting = true;
    setTimeout(look, 200);
  };
  /** What is filled in or chosen from a menu without a key is a hand's work, too. */
  const filled = (event: Event): void => {
    if (!(event.target instanceof HTMLElement) || pressed?.element === event.target) return;
    settle();
    const { target } = event;
    pressed = { key: keyOf(target), element: target, own: stateOf(target), before: state(target), at: performance.now() };
    soon();
  };
  const hand = (event: Event): void => {
    if (!event.isTrusted || !(event.target instanceof Element)) return;
    const element = event.target.closest(selector) ?? event.target.closest('label')?.querySelector(selector) ?? null;
    settle();
    // Keys in a view are the window's, not the view's own.
    if (element === null || (event.type === 'keydown' && element.matches('[role=application]'))) return;
    pressed = { key: keyOf(element), element, own: stateOf(element), before: state(element), at: performance.now() };
    soon();
  };
  addEventListener('DOMContentLoaded', () => {
    new MutationObserver(soon).observe(document, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ['open', 'disabled', 'hidden', 'aria-label'],
    });
    addEventListener('input', soon, true);
    addEventListener('input', filled, true);
  });
  addEventListener('pointerdown', hand, true);
  addEventListener('keydown', hand, true);
}

/** Whether a run keeps a census: names from the browser's own tree are slow to ask for, half of what a page does when it opens a case. */
export const keepsCensus = process.env['LOGONET_CENSUS'] !== undefined;

/** Keeps a census of every page of a browser, where the run does. */
export async function keepCensus(context: BrowserContext): Promise<Census> {
  const census: Census = { seen: new Set(), pressed: new Map(), nameless: new Set() };
  await context.exposeBinding('noteCensus', (_source, kind: string, key: string, effect: string) => {
    if (kind === 'seen') census.seen.add(key);
    else if (kind === 'nameless') census.nameless.add(key);
    else if (census.pressed.get(key) !== 'window') census.pressed.set(key, effect);
  });
  await context.addInitScript(observe, keepsCensus);
  return census;
}
