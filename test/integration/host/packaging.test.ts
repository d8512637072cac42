import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { commands } from '#main/cli/commands/index.ts';
import { inTrial, whyNoTrial } from '#test/support/installDeb.ts';
import { writeStandInElectron } from '#test/support/standInElectron.ts';
import { testLabels, writePairs } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';
import { connectClient, enter, launchWebHost } from '#test/support/webHost.ts';

/** How a fuse's state stands in the program: the characters '0' and '1'. */
const FuseState = { DISABLE: 48, ENABLE: 49 };

const root = resolve(import.meta.dirname, '../../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const here = process.platform === 'linux' && process.arch === 'x64';
const folder = mkdtempSync(join(tmpdir(), 'logonet-pack-'));
const resources = join(folder, 'packed', 'linux-unpacked', 'resources');
const plain = join(resources, 'app.asar.unpacked');
const noTrial = here ? whyNoTrial() : 'not Linux x64';

function run(script: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script} failed: ${(stdout + stderr).slice(-3000)}`);
}

describe.skipIf(!here)('the package (over a stand-in for Electron; Linux x64 only)', () => {
  beforeAll(() => {
    writeStandInElectron(join(folder, 'electron'), '45.4.1');
    run('scripts/buildElectron.mjs');
    if (!['dist/renderer/index.html', 'dist/windowPackages.json'].every((file) => existsSync(join(root, file))))
      run('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error');
    run('scripts/notices.mjs');
    run('scripts/sbom.mjs');
    const fpm = join(folder, 'fpm');
    writeFileSync(fpm, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'test/support/standInFpm.ts')}" "$@"\n`);
    chmodSync(fpm, 0o755);
    vi.stubEnv('CUSTOM_FPM_PATH', fpm);
    run(
      'node_modules/electron-builder/cli.js',
      '--linux',
      noTrial === null ? 'deb' : 'dir',
      `-c.electronDist=${join(folder, 'electron')}`,
      `-c.directories.output=${join(folder, 'packed')}`,
    );
  }, 1_200_000);
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  }, 300_000);

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
    expect(
      unpacked
        .filter((file) => /better-sqlite3\/prebuilds\/.*\.node$/.test(file))
        .map((file) => file.split('/').at(-1))
        .sort(),
    ).toEqual(['linux-arm64.node', 'linux-x64.node']);
    expect(
      unpacked.filter(
        (file) =>
          file.startsWith('dist/main') ||
          file.startsWith('src-main/host/electron') ||
          file.startsWith('src-main/lab') ||
          file.startsWith('test') ||
          file.includes('node_modules/electron'),
      ),
    ).toEqual([]);
    expect(existsSync(join(resources, 'node', 'node'))).toBe(true);
  });

  it('carries the licences of what it is made of', () => {
    const notices = readFileSync(join(folder, 'packed', 'linux-unpacked', 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    const shipped = readdirSync(join(plain, 'node_modules'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .flatMap(({ name }) =>
        name.startsWith('@') ? readdirSync(join(plain, 'node_modules', name)).map((own) => `${name}/${own}`) : [name],
      );
    expect(shipped.length).toBeGreaterThan(5);
    expect(shipped.filter((name) => !notices.includes(`\n${name} `))).toEqual([]);
    expect(notices).toContain('\n@kitware/vtk.js ');
    expect(notices).toContain('Dawn');
  });

  it('carries a bill of materials (CycloneDX) that names what is in it, and nothing twice', () => {
    const text = readFileSync(join(folder, 'packed', 'linux-unpacked', 'sbom.cdx.json'), 'utf8');
    const { bomFormat, specVersion, serialNumber, components, dependencies } = JSON.parse(text) as {
      bomFormat: string;
      specVersion: string;
      serialNumber: string;
      components: { name: string; 'bom-ref': string; hashes?: { content: string }[]; licenses: object[] }[];
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.6']);
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    const references = new Set(components.map((each) => each['bom-ref']));
    expect(references.size).toBe(components.length);
    expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((each) => !references.has(each))).toEqual([]);
    expect(
      components.filter(({ hashes, licenses }) => hashes?.[0]?.content.length !== 128 || licenses.length === 0).map(({ name }) => name),
    ).toEqual([]);
    expect(components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['better-sqlite3', 'webgpu', '@kitware/vtk.js', 'node', 'electron']),
    );
    // Made again of the same sources it is the same.
    run('scripts/sbom.mjs');
    expect(readFileSync(join(root, 'dist', 'sbom.cdx.json'), 'utf8')).toBe(text);
  });

  it('has checksums beside its packages', () => {
    const release = join(folder, 'release');
    mkdirSync(release);
    for (const name of ['logonet-studio-1.0.0-linux-amd64.deb', 'logonet-studio-1.0.0-win-x64.exe', 'builder-debug.yml'])
      writeFileSync(join(release, name), name);
    run('scripts/checksums.mjs', release);
    const checked = spawnSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: release, encoding: 'utf8' });
    expect(checked.stdout.trim().split('\n')).toEqual(['logonet-studio-1.0.0-linux-amd64.deb: OK', 'logonet-studio-1.0.0-win-x64.exe: OK']);
  });

  it('has a command line that lists its commands, predicts, and says what is not part of it', { timeout: 600_000 }, async () => {
    const logonet = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(join(resources, 'node', 'node'), [join(plain, 'src-main/cli/main.ts'), ...args], {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, LOGONET_DATA: join(folder, 'data') },
      });
      return { status, stdout, stderr };
    };
    const help = logonet('--help');
    expect([help.status, help.stderr]).toEqual([0, '']);
    for (const { name } of commands) expect(help.stdout).toContain(`  ${name} `);

    await writePairs(join(folder, 'scans'), 1, 1);
    await writeTinyModel(join(folder, 'model'));
    const image = join(folder, 'scans', 'images', 'case0.nii.gz');
    const predicted = logonet(
      'predict',
      image,
      '--model',
      join(folder, 'model'),
      '--out',
      join(folder, 'masks'),
      '--device',
      'cpu',
      '--json',
    );
    expect(predicted.stderr).not.toContain('logonet:');
    const { predictions } = JSON.parse(predicted.stdout) as { predictions: { mask: string }[] };
    expect(predictions.map(({ mask }) => existsSync(mask))).toEqual([true]);

    const experiment = logonet('experiment', 'ablation', '--dataset', 'dataset.json', '--out', join(folder, 'study'));
    expect([experiment.status, experiment.stderr]).toEqual([1, expect.stringContaining('not part of the installed program')]);
  });

  it('starts its services on its own Node, and they work', { timeout: 600_000 }, async () => {
    await writePairs(join(folder, 'incoming'), 1, 1);
    const host = await launchWebHost({
      entry: join(plain, 'src-main/host/web/main.ts'),
      node: join(resources, 'node', 'node'),
      rendererFolder: join(root, 'dist/renderer'),
    });
    try {
      const { client, socket } = await connectClient(host.origin, await enter(host.address));
      expect((await client.app.info()).version).toBe(version);
      await client.projects.create({ path: join(folder, 'project'), name: 'Packed', labels: testLabels });
      const { added, masks, skipped } = await client.library.import({ sources: [join(folder, 'incoming')] });
      expect([added.length, masks, skipped]).toEqual([1, 1, []]);
      expect((await client.images.open({ caseId: added[0] ?? '' })).byteLength).toBe(1920);
      socket.close();
    } finally {
      await host.stop();
    }
  });

  it.skipIf(noTrial !== null)(
    `is installed as a deb, known to the desktop, started, and removed without the data${noTrial === null ? '' : ` (skipped: ${noTrial})`}`,
    async () => {
      const deb = join(folder, 'packed', `logonet-studio-${version}-linux-amd64.deb`);
      await writePairs(join(folder, 'mine'), 1, 1);
      const place = '/opt/LoGoNet Studio';
      // What a person sees of it, in one go: the copy of the system goes with the process.
      const { status, output } = inTrial(
        folder,
        `set -e
        part() { printf '\\n== %s\\n' "$1"; }
        export LOGONET_DATA=/root/.logonet-of-test
        part install; dpkg --force-depends --install "${deb}" 2>&1
        part status; dpkg-query --show --showformat='\${Status}, \${Installed-Size} KiB\\n' logonet-studio
        part entry; cat /usr/share/applications/logonet-studio.desktop
        part icon; head -c 8 /usr/share/icons/hicolor/512x512/apps/logonet-studio.png | od -An -tx1
        part type; cat /usr/share/mime/packages/logonet-studio.xml
        part program; readlink -f /usr/bin/logonet-studio; logonet-studio /root/p/Open.logonet
        part work; logonet() { "${place}/resources/node/node" "${place}/resources/app.asar.unpacked/src-main/cli/main.ts" "$@"; }
        logonet project create /root/p --name Mine --label Liver --label Spleen; logonet project import /root/p "${folder}/mine"
        part remove; dpkg --remove logonet-studio 2>&1
        part left; ls /opt /usr/bin/logonet-studio /usr/share/applications/logonet-studio.desktop /usr/share/mime/packages/logonet-studio.xml 2>&1 || true
        part data; ls /root/p; ls -d "$LOGONET_DATA" || true`,
      );
      expect([status, output.slice(-2000)]).toEqual([0, expect.any(String)]);
      const parts = new Map(output.split('\n== ').map((text) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n') + 1)]));
      expect(parts.get('status')).toMatch(/^install ok installed, \d{6} KiB$/m);
      const entry = parts.get('entry') ?? '';
      expect(entry).toMatch(/^Name=LoGoNet Studio$/m);
      expect(entry).toMatch(/^Exec="\/opt\/LoGoNet Studio\/logonet-studio" %[UFuf]$/m);
      expect(entry).toMatch(/^Icon=logonet-studio$/m);
      expect(entry).toMatch(/^MimeType=application\/x-logonet-project;$/m);
      expect(entry).toMatch(/^Categories=Science;$/m);
      expect(parts.get('icon')?.trim()).toBe('89 50 4e 47 0d 0a 1a 0a');
      expect(parts.get('type')).toMatch(/<mime-type type="application\/x-logonet-project">\s*<glob pattern="\*\.logonet"\/>/);
      expect(parts.get('program')?.trim().split('\n')).toEqual([`${place}/logonet-studio`, 'started with /root/p/Open.logonet']);
      expect(parts.get('work')).toMatch(/1 cases added, 1 masks/);
      expect(parts.get('left')).not.toMatch(/LoGoNet Studio|^\/usr/m);
      expect(parts.get('data')).toMatch(/Open\.logonet[\s\S]*library\.sqlite[\s\S]*project\.json/);
    },
    1_200_000,
  );
});
