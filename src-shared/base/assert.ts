import { StudioError } from './errors.ts';

/** Throws `internal` when a condition that the program itself guarantees does not hold. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StudioError('internal', 'Something went wrong inside the application.', { detail: message });
}

/** The value, or `internal` when it is absent. */
export function must<T>(value: T | null | undefined, message: string): T {
  assert(value !== null && value !== undefined, message);
  return value;
}

/** Makes a switch exhaustive: a case that is not handled does not compile. */
export function unreachable(value: never): never {
  throw new StudioError('internal', 'Something went wrong inside the application.', { detail: `unreachable: ${String(value)}` });
}
