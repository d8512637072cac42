/** A line of a table for spreadsheets (RFC 4180), without its end. */
export function csvLine(cells: readonly (string | number)[]): string {
  return cells.map((cell) => (typeof cell === 'number' ? String(cell) : field(cell))).join(',');
}

/** Quoted where needed; a leading sign that spreadsheets take for a formula is made text, unless it begins a number. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
