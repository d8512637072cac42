import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeStandInElectron } from '#test/support/standInElectron.ts';
import { testLabels, writePairs } from '#test/support/studio.ts';
import { connectClient, enter, launchWebHost } from '#test/support/webHost.ts';

/** How a fuse's state stands in the program: the characters '0' and '1'. */
const FuseState = { DISABLE: 48, ENABLE: 49 };

const root = resolve(import.meta.dirname, '../../..');
const here = process.platform === 'linux' && process.arch === 'x64';
const folder = mkdtempSync(join(tmpdir(), 'logonet-pack-'));
const resources = join(folder, 'packed', 'linux-unpacked', 'resources');
const plain = join(resources, 'app.asar.unpacked');

function run(script: string, ...words: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, script), ...words], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script} failed: ${(stdout + stderr).slice(-3000)}`);
}

describe.skipIf(!here)('the package (over a stand-in for Electron; Linux x64 only)', () => {
  beforeAll(() => {
    writeStandInElectron(join(folder, 'electron'), '45.4.1');
    run('scripts/buildElectron.mjs');
    if (!existsSync(join(root, 'dist/renderer/index.html'))) run('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error');
    run('node_modules/electron-builder/cli.js', '--linux', 'dir', `-c.electronDist=${join(folder, 'electron')}`, `-c.directories.output=${join(folder, 'packed')}`);
  }, 1_200_000);
  afterAll(() => { rmSync(folder, { recursive: true, force: true }); }, 300_000);

  it('has the fuses set', async () => {
    const wire = await getCurrentFuseWire(join(folder, 'packed', 'linux-unpacked', 'logonet-studio'));
    expect(wire[FuseV1Options.RunAsNode]).toBe(FuseState.DISABLE);
    expect(wire[FuseV1Options.EnableNodeOptionsEnvironmentVariable]).toBe(FuseState.DISABLE);
    expect(wire[FuseV1Options.EnableNodeCliInspectArguments]).toBe(FuseState.DISABLE);
    expect(wire[FuseV1Options.OnlyLoadAppFromAsar]).toBe(FuseState.ENABLE);
    expect(wire[FuseV1Options.EnableEmbeddedAsarIntegrityValidation]).toBe(FuseState.ENABLE);
    expect(wire[FuseV1Options.GrantFileProtocolExtraPrivileges]).toBe(FuseState.DISABLE);
  });

  it('keeps what Electron loads in the archive, and what plain Node needs beside it, for this platform only', () => {
    const unpacked = readdirSync(plain, { recursive: true }).map(String);
    expect(unpacked).toContain('src-main/host/process/main.ts');
    expect(unpacked).toContain('dist/native/cpu.node');
    expect(unpacked.filter((file) => /better-sqlite3\/prebuilds\/.*\.node$/.test(file)).map((file) => file.split('/').at(-1)).sort()).toEqual(['linux-arm64.node', 'linux-x64.node']);
    expect(unpacked.filter((file) => file.startsWith('dist/main') || file.startsWith('src-main/host/electron') || file.startsWith('test') || file.includes('node_modules/electron'))).toEqual([]);
    expect(existsSync(join(resources, 'node', 'node'))).toBe(true);
  });

  it('starts its services on its own Node, and they work', async () => {
    await writePairs(join(folder, 'incoming'), 1, 1);
    const host = await launchWebHost({ entry: join(plain, 'src-main/host/web/main.ts'), node: join(resources, 'node', 'node'), rendererFolder: join(root, 'dist/renderer') });
    try {
      const { client, socket } = await connectClient(host.origin, await enter(host.address));
      expect((await client.app.info()).version).toBe('0.1.0');
      await client.projects.create({ path: join(folder, 'project'), name: 'Packed', labels: testLabels });
      const { added, masks, refused } = await client.library.import({ sources: [join(folder, 'incoming')] });
      expect([added.length, masks, refused]).toEqual([1, 1, []]);
      expect((await client.images.open({ caseId: added[0] ?? '' })).byteLength).toBe(1920);
      socket.close();
    } finally {
      await host.stop();
    }
  });
});
