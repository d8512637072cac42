import type { Locator } from 'playwright-core';
import { expect } from 'vitest';
import { Controls } from './controls.ts';

/** Remembers every message that the page shows, for messages vanish from the screen by themselves. Runs in the page, before its own scripts. */
export function rememberMessages(): void {
  const said: string[] = [];
  const seen = new WeakSet<Element>();
  Object.assign(window, { said });
  new MutationObserver(() => {
    for (const message of document.querySelectorAll('[aria-label=Messages] p')) {
      if (seen.has(message)) continue;
      seen.add(message);
      said.push(message.textContent ?? '');
    }
  }).observe(document, { childList: true, subtree: true });
}

/** What the window says: messages, and the steps of the open case. */
export class Messages extends Controls {
  /** Every message since the page was loaded, oldest first, whether it is still shown or not. */
  async said(): Promise<readonly string[]> {
    return this.page.evaluate(() => [...(window as unknown as { readonly said: readonly string[] }).said]);
  }

  /** Waits until the window has said it since it was loaded, or after the first `before` of its messages. */
  async told(text: RegExp, before = 0): Promise<void> {
    await expect.poll(async () => (await this.said()).slice(before), { timeout: 240_000 }).toContainEqual(expect.stringMatching(text));
  }

  /** What is on the screen now; a message that vanishes by itself is waited for with `told`. */
  message(text: string | RegExp): Locator {
    return this.page.getByLabel('Messages').getByText(text).first();
  }

  /** What the window has said of faults of its own. */
  async failures(): Promise<readonly string[]> {
    return (await this.said()).filter((text) => /for a reason that the log has|unexpected|opened in another window/i.test(text));
  }

  /** Names of the steps in the history panel, oldest first. */
  async history(): Promise<readonly string[]> {
    return (await this.page.locator('[aria-label=History] li').allTextContents()).map((text) => text.replace(/^\d+\s*/, '').trim());
  }

  /** Waits for these steps. */
  async historyIs(names: readonly string[]): Promise<void> {
    await expect.poll(() => this.history(), { timeout: 180_000 }).toEqual(names);
  }

  async saved(): Promise<void> {
    await this.page.locator('[aria-label=History] .saved', { hasText: 'saved' }).waitFor();
  }
}
