import type { Locator } from 'playwright-core';
import type { TestDesk } from '../driver.ts';

/** What the tests by hand look at. */
export interface Hand {
  /** Millilitres of a label as the list shows them, once they are counted. */
  millilitres(label: string): Promise<number>;
  /** The button of a tool. */
  tool(name: string): Locator;
}

export const handOf = (tests: TestDesk): Hand => ({
  millilitres: async (label) => {
    const text = await tests.desk.page.getByRole('button', { name: new RegExp(`go to ${label}$`) }).textContent();
    return Number.parseFloat(text ?? '') || 0;
  },
  tool: (name) => tests.desk.page.getByRole('toolbar', { name: 'Tools' }).getByRole('button', { name, exact: true }),
});
