/// <reference types="svelte" />
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import type { Client } from '#shared/contract/client.ts';
import { Journal } from '#renderer/stores/journal.svelte.ts';

interface Append { readonly sequence: number; readonly records: readonly Uint8Array[] }

/** A host that answers each append with the next of `answers` (an error to throw), then takes everything. */
function hostThat(answers: StudioError[]): { client: Client; taken: Append[] } {
  const taken: Append[] = [];
  const append = ({ sequence, records }: Append): Promise<{ sequence: number }> => {
    const error = answers.shift();
    if (error !== undefined) return Promise.reject(error);
    taken.push({ sequence, records: [...records] });
    return Promise.resolve({ sequence: sequence + records.length });
  };
  return { client: { document: { append } } as unknown as Client, taken };
}

const record = (value: number): Uint8Array => Uint8Array.of(value);

describe('the journal of the window', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('keeps strokes while the disk is full and sends the same ones again, in order', async () => {
    const full = (): StudioError => new StudioError('disk-full', 'The disk is full.');
    const { client, taken } = hostThat([full(), full()]);
    const errors: unknown[] = [];
    const journal = new Journal(client, 'case', 'session', (error) => errors.push(error));
    journal.add(record(1));
    await vi.advanceTimersByTimeAsync(1);
    journal.add(record(2));
    expect(journal.waiting).toBe(2);
    await vi.advanceTimersByTimeAsync(10_000);
    await journal.flush();
    expect(taken.flatMap(({ records }) => records.map(([value]) => value))).toEqual([1, 2]);
    expect(taken[0]?.sequence).toBe(0);
    expect(journal.waiting).toBe(0);
    expect(errors).toHaveLength(1);
  });

  it('stops at an error that only opening the case again can mend', async () => {
    const { client, taken } = hostThat([new StudioError('conflict', 'Another window has this case.')]);
    const errors: unknown[] = [];
    const journal = new Journal(client, 'case', 'session', (error) => errors.push(error));
    journal.add(record(1));
    await journal.flush();
    journal.add(record(2));
    await journal.flush();
    expect(taken).toEqual([]);
    expect(errors).toHaveLength(1);
    expect(journal.waiting).toBe(2);
  });
});
