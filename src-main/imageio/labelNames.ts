import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export type LabelNames = ReadonlyMap<number, string>;

const sizeLimit = 1 << 20;
const listName = /^(labels?|label[_-]?names?|classes|dseg|labels?[_-]?(list|map|table|lut)|.*lut)\.(csv|tsv|txt|label|ctbl)$/i;

/**
 * What a list beside masks calls their values: `labels.csv`, `labels.txt`, `dseg.tsv` (BIDS), a colour table of 3D Slicer, FreeSurfer or ITK-SNAP.
 * Empty where there is none. A value with two names has none of them.
 */
export async function labelNamesIn(folder: string): Promise<LabelNames> {
  const names = new Map<number, string>();
  for (const name of (await readdir(folder).catch(() => [])).filter((each) => listName.test(each)).sort()) {
    const path = join(folder, name);
    if (((await stat(path).catch(() => null))?.size ?? Infinity) > sizeLimit) continue;
    for (const [value, said] of parseLabelNames(await readFile(path, 'utf8'))) names.set(value, said);
  }
  return names;
}

/** Lines of a value and its name, in this order or the other, with or without a header and further columns. Background and lines that are neither are passed over. */
export function parseLabelNames(text: string): LabelNames {
  const names = new Map<number, string>();
  const twice = new Set<number>();
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !/^\s*(#|\/\/)/.test(line));
  const columns = headerOf(lines[0] ?? '');
  for (const line of lines) {
    const said = columns === null ? free(line) : inColumns(line, columns);
    if (said === null || said.value === 0) continue;
    if (names.has(said.value) && names.get(said.value) !== said.name) twice.add(said.value);
    names.set(said.value, said.name);
  }
  for (const value of twice) names.delete(value);
  return names;
}

interface Columns {
  readonly separator: RegExp;
  readonly value: number;
  readonly name: number;
}

function headerOf(line: string): Columns | null {
  const separator = line.includes('\t') ? /\t/ : line.includes(';') ? /;/ : /,/;
  const cells = cellsOf(line, separator).map((cell) => cell.toLowerCase());
  const value = cells.findIndex((cell) => /^(value|index|id|label[_ -]?(value|id)|number)$/.test(cell));
  const name = cells.findIndex((cell, n) => n !== value && /^(name|label|structure|label[_ -]?name|class|roi)$/.test(cell));
  if (name >= 0 && value < 0) {
    const other = cells.findIndex((cell, n) => n !== name && cell === 'label');
    return other < 0 ? null : { separator, value: other, name };
  }
  return value < 0 || name < 0 ? null : { separator, value, name };
}

function inColumns(line: string, { separator, value, name }: Columns): { value: number; name: string } | null {
  const cells = cellsOf(line, separator);
  return pair(cells[value] ?? '', cells[name] ?? '');
}

function free(line: string): { value: number; name: string } | null {
  // ITK-SNAP: index, red, green, blue, alpha, visibility, mesh, "name"
  const quoted = /^\s*(\d+)\s.*"([^"]+)"\s*$/.exec(line);
  if (quoted) return pair(quoted[1] ?? '', quoted[2] ?? '');
  const separator = [/\t/, /;/, /,/, /\s*[:=]\s*/].find((each) => each.test(line.trim())) ?? /\s+/;
  const cells = cellsOf(line.trim(), separator).filter((cell) => cell !== '');
  const [first = '', ...others] = cells;
  if (/^\d+$/.test(first)) {
    if (separator.source !== /\s+/.source) return pair(first, others.find((cell) => !/^[\d.]+$/.test(cell)) ?? '');
    // Colours and opacity follow the name in tables of 3D Slicer and FreeSurfer.
    const colours = others.length - others.findLastIndex((cell) => !/^[\d.]+$/.test(cell)) - 1;
    return pair(first, others.slice(0, colours >= 3 ? -colours : undefined).join(' '));
  }
  const last = cells.at(-1) ?? '';
  return cells.length > 1 && /^\d+$/.test(last) ? pair(last, cells.slice(0, -1).join(' ')) : null;
}

function pair(value: string, name: string): { value: number; name: string } | null {
  const said = name.trim().slice(0, 128);
  const number = Number(value);
  return value !== '' && Number.isInteger(number) && number >= 0 && number <= 65535 && said !== '' ? { value: number, name: said } : null;
}

/** A line's cells; a separator inside quotes is none. */
function cellsOf(line: string, separator: RegExp): string[] {
  const quoted: string[] = [];
  const bare = line.replace(/"((?:[^"]|"")*)"/g, (_, text: string) => `\u0000${String(quoted.push(text.replaceAll('""', '"')) - 1)}\u0000`);
  return bare.split(separator).map((cell) => cell.trim().replace(/\0(\d+)\0/g, (_, n: string) => quoted[Number(n)] ?? ''));
}
