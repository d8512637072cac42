import type { Slot } from './lifetimes.ts';

/**
 * Byte offsets for slots so that no two that live at once overlap: largest first, each at the lowest gap that fits
 * (greedy by size; Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
 * @returns offset per slot and the bytes that all of them need
 */
export function placeSlots(slots: readonly Slot[]): { readonly offsets: ReadonlyMap<Slot, number>; readonly bytes: number } {
  const offsets = new Map<Slot, number>();
  const placed: { readonly slot: Slot; readonly offset: number }[] = [];
  let bytes = 0;
  for (const slot of [...slots].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    let offset = 0;
    let best = Infinity;
    let bestGap = Infinity;
    for (const other of placed) {
      // kept sorted by offset
      if (other.slot.last < slot.first || other.slot.first > slot.last) continue;
      const gap = other.offset - offset;
      if (gap >= slot.bytes && gap < bestGap) {
        best = offset;
        bestGap = gap;
      }
      offset = Math.max(offset, other.offset + other.slot.bytes);
    }
    const chosen = Math.min(best, offset);
    offsets.set(slot, chosen);
    const at = placed.findIndex((other) => other.offset > chosen);
    placed.splice(at < 0 ? placed.length : at, 0, { slot, offset: chosen });
    bytes = Math.max(bytes, chosen + slot.bytes);
  }
  return { offsets, bytes };
}
