import { resolve } from 'node:path';

/**
 * For the tests of the window: hosts and workers are started hundreds of times, and Node keeps what it has compiled, which is most of a start. Not for the
 * others, which look at every file that a program writes.
 */
export default function compiledHosts(): void {
  process.env['NODE_COMPILE_CACHE'] ??= resolve(import.meta.dirname, '../../node_modules/.cache/compiled');
}
