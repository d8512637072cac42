import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseArguments } from '#main/cli/arguments.ts';
import { commands } from '#main/cli/commands/index.ts';
import { rememberedDevice } from '#main/cli/commands/shared.ts';

let folder: string;
const before = process.env['LOGONET_DATA'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'device-'));
  process.env['LOGONET_DATA'] = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env['LOGONET_DATA'];
  else process.env['LOGONET_DATA'] = before;
  rmSync(folder, { recursive: true, force: true });
});

const settings = (device: string): void =>
  writeFileSync(
    join(folder, 'settings.json'),
    JSON.stringify({ device, memoryBytes: 0, annotator: '', deidentifyExports: true, importMode: 'copy' }),
  );
function checked(proposed: string): void {
  const row = { executor: 'webgpu', usable: true, reason: '', memoryBytes: null, correct: true, gigaflops: 9000, chosen: false };
  writeFileSync(
    join(folder, 'devices.json'),
    JSON.stringify([
      { ...row, id: 'cpu', name: 'Processor', executor: 'cpu', proposed: proposed === 'cpu' },
      { ...row, id: 'webgpu:Some GPU', name: 'Some GPU', proposed: proposed === 'webgpu:Some GPU' },
    ]),
  );
}

describe('the device of a command', () => {
  it('is the processor where nothing is known', () => {
    expect(rememberedDevice()).toBe('cpu');
  });

  it('is the fastest correct one since the devices were checked', () => {
    checked('webgpu:Some GPU');
    expect(rememberedDevice()).toBe('webgpu:Some GPU');
  });

  it('is the one that the person chose in the settings', () => {
    checked('webgpu:Some GPU');
    settings('cpu');
    expect(rememberedDevice()).toBe('cpu');
  });

  for (const [name, needed] of [
    ['train', ['--images', 'a', '--labels', 'b', '--out', 'c']],
    ['predict', ['--model', 'm', '--out', 'o', 'image']],
    ['improve', ['folder']],
  ] as const) {
    const command = commands.find((each) => each.name === name);
    it(`${name} takes it, or what --device names`, () => {
      expect(command).toBeDefined();
      settings('webgpu:Some GPU');
      const device = (...args: string[]): unknown => parseArguments(command!, [...needed, ...args]).options['device'];
      expect(device()).toBe('webgpu:Some GPU');
      expect(device('--device', 'cpu')).toBe('cpu');
      expect(device('--device', 'webgpu:Another GPU')).toBe('webgpu:Another GPU');
      expect(() => device('--device', 'abacus')).toThrow(/must be one of/);
    });
  }
});
