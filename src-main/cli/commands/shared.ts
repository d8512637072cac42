import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { deviceNames, HALF } from '#main/jobs/requests/fields.ts';
import { appFolders } from '#main/project/appFolders.ts';
import { DeviceList } from '#main/project/deviceList.ts';
import { SettingsKeeper } from '#main/project/settingsKeeper.ts';
import { usageError } from '../command.ts';

/** `--device` and `--threads`, the same in every command that computes. */
export const deviceOptions = {
  device: {
    kind: 'text',
    help: 'what to compute on; the one of the settings unless given',
    choices: deviceNames,
    also: (text: string): boolean => text.startsWith('webgpu:'),
    get default(): string {
      return rememberedDevice();
    },
  },
  threads: { kind: 'integer', help: 'processor threads; all cores unless given', minimum: 1 },
} as const;

/** `--precision`, for commands that train or predict. */
export const precisionOption = {
  precision: {
    kind: 'text',
    help: 'half: a graphics card keeps large values as float16, in about 60% of the memory',
    choices: ['float32', 'half'],
    default: 'float32',
  },
} as const;

/** The id of the device with the precision that is asked for. */
export function deviceWith({ device, precision }: { readonly device: string; readonly precision: string }): string {
  return precision === 'half' && !device.endsWith(HALF) ? device + HALF : device;
}

/** The device of the settings: the person's choice, else the fastest one when devices were last checked, else the processor. */
export function rememberedDevice(folder = appFolders().data): string {
  return new DeviceList(folder, new SettingsKeeper(folder)).chosen;
}

/** A training into `out` begins where nothing is, and goes on (`resume`) where its settings are kept. Throws a usage error otherwise. */
export function checkBegun({ out, resume }: { readonly out: string; readonly resume: boolean }, settings: string): void {
  const begun = existsSync(settings);
  if (resume && !begun) throw usageError(`There is no interrupted training in ${out}: start it without --resume.`);
  if (!resume && existsSync(join(out, 'model.json'))) throw usageError(`${out} already holds a model: choose another folder.`);
  if (!resume && begun) throw usageError(`${out} holds an interrupted training: go on with --resume, or choose another folder.`);
}

/** '96' or '96x64x48' as voxels along D, H, W. */
export function parseSize(text: string): [number, number, number] {
  const parts = text.split(/[x×,]/).map(Number);
  const [d, h = d, w = d] = parts;
  if (
    parts.length === 2 ||
    parts.length > 3 ||
    d === undefined ||
    h === undefined ||
    w === undefined ||
    ![d, h, w].every((side) => Number.isInteger(side) && side > 0 && side <= 4096)
  ) {
    throw usageError(`--size is written 96 or 96x96x96, not "${text}".`);
  }
  return [d, h, w];
}

/** A plain table: first column to the left, the others to the right. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

/** A number with fixed decimals, or a dash where there is none. */
export function figure(value: number | null | undefined, decimals: number): string {
  return value === null || value === undefined ? '–' : value.toFixed(decimals);
}
