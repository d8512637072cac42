import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FolderWatch, type Arrival } from '#main/exchange/watch/folderWatch.ts';
import { WatchedFolder } from '#main/exchange/watch/watchedFolder.ts';
import { logonet } from '#test/support/commandLine.ts';
import { placed, writeCase } from '#test/support/exchange.ts';

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-watch-'));
  mkdirSync(at('pacs'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});
const put = (...parts: string[]): void => writeFileSync(placed(at('pacs', ...parts)), parts.join('/'));

describe('a folder that grows', () => {
  it('is told of once it was quiet for long enough, by this computer’s clock', async () => {
    const watch = new FolderWatch(at('pacs'), { quietSeconds: 30, known: new Map() });
    expect(await watch.look(0)).toBeNull();
    put('study 1', 'a.dcm');
    // A share whose clock is years off.
    utimesSync(at('pacs', 'study 1', 'a.dcm'), new Date('1999-01-01'), new Date('1999-01-01'));
    expect(await watch.look(10_000)).toBeNull();
    put('study 1', 'b.dcm');
    expect(await watch.look(35_000)).toBeNull();
    expect(await watch.look(64_000)).toBeNull();
    const arrival = await watch.look(65_000);
    expect(arrival).toMatchObject({ files: 2, sources: [at('pacs', 'study 1')] });
    watch.seen(arrival?.look ?? new Map());
    expect(await watch.look(200_000)).toBeNull();
    // A file that others are still writing under another name is none.
    put('study 2', '.c.dcm.part');
    put('study 2', 'c.dcm.tmp');
    expect([await watch.look(300_000), await watch.look(400_000)]).toEqual([null, null]);
    writeFileSync(at('pacs', 'study 1', 'a.dcm'), 'written again, longer');
    expect(await watch.look(500_000)).toBeNull();
    expect(await watch.look(530_000)).toMatchObject({ files: 1 });
  });

  it('that is away is waited for, and is not new when it comes back', async () => {
    const watch = new FolderWatch(at('pacs'), { quietSeconds: 10, known: new Map() });
    put('s', 'a.dcm');
    await watch.look(0);
    watch.seen((await watch.look(20_000))?.look ?? new Map());
    renameSync(at('pacs'), at('away'));
    expect(await watch.look(40_000)).toBeNull();
    renameSync(at('away'), at('pacs'));
    expect(await watch.look(60_000)).toBeNull();
    put('t', 'b.dcm');
    await watch.look(70_000);
    expect(await watch.look(90_000)).toMatchObject({ files: 1, sources: [at('pacs', 't')] });
  });

  it('is planned as a whole where its files belong together across folders', async () => {
    put('imagesTr', 'x.nii.gz');
    put('labelsTr', 'x.nii.gz');
    const watch = new FolderWatch(at('pacs'), { quietSeconds: 0, known: new Map() });
    expect(await watch.look(0)).toMatchObject({ files: 2, sources: [at('pacs')] });
    rmSync(at('pacs', 'imagesTr'), { recursive: true });
    rmSync(at('pacs', 'labelsTr'), { recursive: true });
    put('patient', 'ct', 'x.nii.gz');
    put('loose.dcm');
    expect(await watch.look(1000)).toMatchObject({ sources: [at('pacs')] });
  });

  it('is remembered by its project, with what was imported or dismissed', async () => {
    mkdirSync(at('project'));
    const told: (Arrival | null)[] = [];
    const begin = (): WatchedFolder =>
      new WatchedFolder(at('project'), (arrival) => void told.push(arrival), { pauseMs: 20, quietSeconds: 0 });
    const first = begin();
    await first.watch(at('pacs'));
    put('s', 'a.dcm');
    await vi.waitFor(() => expect(told.at(-1)?.files).toBe(1), 20_000);
    await first.seen();
    expect(first.arrival).toBeNull();
    first.close();
    const second = begin();
    expect(second.folder).toBe(at('pacs'));
    put('s', 'b.dcm');
    await vi.waitFor(() => expect(second.arrival?.files).toBe(1), 20_000);
    await second.watch(null);
    expect([second.folder, second.arrival]).toEqual([null, null]);
    second.close();
  });

  it('is offered as a plan, and imported, by the command line', { timeout: 300_000 }, async () => {
    vi.stubEnv('LOGONET_DATA', at('app'));
    try {
      await logonet(['project', 'create', at('project'), '--name', 'x']);
      await writeCase(at('pacs', 'study'), 'one', 1, [[1, 'Liver']]);
      const watch = (...further: string[]) =>
        logonet(['project', 'watch', at('project'), at('pacs'), '--once', '--quiet-seconds', '0.5', '--json', ...further]);
      const shown = await watch();
      expect(JSON.parse(shown.stdout)).toMatchObject({
        arrivals: [{ files: 3, plan: { cases: [{ name: 'one' }], question: null }, result: null }],
      });
      const done = await watch('--import', '--map', '99=Nothing of this');
      expect([done.code, JSON.parse(done.stdout)]).toMatchObject([0, { arrivals: [{ result: { masks: 1 } }] }]);
      expect(JSON.parse((await logonet(['project', 'list', at('project'), '--json'])).stdout)).toMatchObject({ counts: { accepted: 1 } });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
