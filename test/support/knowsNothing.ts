import type { PointingHost } from '#renderer/stores/pointingHost.ts';

/** A host without a prompt network, whose models were measured nowhere. */
export const knowsNothing: PointingHost = { network: () => Promise.resolve(null), poorlyFound: () => Promise.resolve(new Set()) };
