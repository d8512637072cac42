/** The day of a scan, YYYY-MM-DD, written so or as in DICOM (YYYYMMDD); null for anything else. */
export function dayOf(text: string): string | null {
  const [, year = '', month = '', day = ''] = /^(\d{4})-?(\d{2})-?(\d{2})$/.exec(text.trim()) ?? [];
  const written = `${year}-${month}-${day}`;
  const at = new Date(`${written}T00:00:00Z`);
  return Number.isFinite(at.getTime()) && at.toISOString().startsWith(written) ? written : null;
}

/** Whole days from one day to another. */
export function daysFrom(first: string, day: string): number {
  return Math.round((Date.parse(day) - Date.parse(first)) / 86_400_000);
}

/** Earliest first; what has no day comes last, by name. */
export function byDay(
  a: { readonly date: string | null; readonly name: string },
  b: { readonly date: string | null; readonly name: string },
): number {
  if (a.date !== b.date && (a.date === null || b.date === null)) return a.date === null ? 1 : -1;
  return (a.date ?? '').localeCompare(b.date ?? '') || a.name.localeCompare(b.name);
}
