import type { Command } from '../command.ts';

/** Every command of `logonet`, in the order of the help. */
export const commands: readonly Command[] = [];
