import { randomBytes } from 'node:crypto';

let last = 0;

/** A new identifier, 22 characters: 48 bits of time that never go back in this process, then 40 random bits. Sorts by time. */
export function newId(): string {
  last = Math.max(last + 1, Date.now());
  return `${last.toString(16).padStart(12, '0')}${randomBytes(5).toString('hex')}`;
}
