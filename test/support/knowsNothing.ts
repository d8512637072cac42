import type { PointingHost } from '#renderer/stores/pointingHost.ts';

/** A host without a prompt network and lessons, whose models were measured nowhere. */
export const knowsNothing: PointingHost = {
  network: () => Promise.resolve(null),
  lessons: () => Promise.resolve(new Map()),
  poorlyFound: () => Promise.resolve(new Set()),
};
