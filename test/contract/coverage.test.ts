import { describe, expect, it } from 'vitest';
import { contract } from '#shared/contract/contract.ts';
import { startStudio } from '#test/support/studio.ts';

describe('the services', () => {
  it('implement every call of the contract', async () => {
    const app = startStudio();
    const missing = Object.entries(contract).flatMap(([service, { methods }]) => {
      const handlers = (app.studio.handlers as Record<string, Record<string, unknown> | undefined>)[service];
      return Object.keys(methods)
        .filter((method) => typeof handlers?.[method] !== 'function')
        .map((method) => `${service}.${method}`);
    });
    await app.close();
    expect(missing).toEqual([]);
  });
});
