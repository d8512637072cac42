/** The day of a time on this computer's calendar: '2026-11-30'. */
export function localDay(time: string | number): string {
  return localTime(time).slice(0, 10);
}

/** A time (ISO 8601 in UTC, or milliseconds since 1970) as the clock of this computer shows it: '2026-11-30 09:05:07'. */
export function localTime(time: string | number): string {
  const at = new Date(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
