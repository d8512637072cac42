import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { logonet } from '../../support/commandLine.ts';
import { writePairs } from '../../support/studio.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-care-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

it(
  'a project begins with a template, is edited everywhere, goes back, is cleaned, and a case is removed',
  { timeout: 600_000 },
  async () => {
    const project = join(root, 'project');
    const run = async (...args: string[]): Promise<{ code: number | null; json: Record<string, never>; stderr: string }> => {
      const { code, stdout, stderr } = await logonet(['project', ...args, '--json']);
      return { code, json: JSON.parse(stdout) as Record<string, never>, stderr };
    };
    await writePairs(join(root, 'data'), 2, 2);
    expect((await run('create', project, '--template', 'btcv', '--label', 'Cyst')).json['labels']).toHaveLength(14);
    expect((await run('import', project, join(root, 'data'), '--map', 'Liver=liver', '--map', 'Spleen=spleen')).json).toMatchObject({
      masks: 2,
    });
    expect((await run('labels', project, '--turn', 'liver=Cyst')).stderr).toContain('liver turned into Cyst in 1 case.');
    const undone = await run('history', project, '--undo');
    expect(undone.json).toMatchObject({
      outcome: { name: '“liver” turned into “Cyst” everywhere', kept: [], changed: [{ name: 'case0' }] },
    });
    expect((await run('history', project)).json['steps']).toMatchObject([
      { kind: 'labels', state: 'done' },
      { kind: 'edit', state: 'undone' },
    ]);
    const disk = await run('disk', project, '--clean', 'leftovers', '--clean', 'jobs');
    expect(disk.json).toMatchObject({ freed: { files: 0, bytes: 0 } });
    const plan = await run('remove', project, '--case', 'case1');
    expect(plan.json).toMatchObject({ removed: false, cases: [{ name: 'case1' }] });
    expect(readdirSync(join(project, 'cases'))).toHaveLength(2);
    expect((await run('remove', project, '--case', 'case1', '--for-good')).json).toMatchObject({ removed: true });
    expect(readdirSync(join(project, 'cases'))).toHaveLength(1);
    expect(existsSync(join(root, 'data', 'images', 'case1.nii.gz'))).toBe(true);
    const gone = await logonet(['project', 'remove', project, '--case', 'case1', '--for-good']);
    expect([gone.code, gone.stderr]).toEqual([1, 'logonet: This case is not in the project.\n']);
    const exported = await run('export', project, '--out', join(root, 'out'));
    expect(exported.stderr).toContain('Who is who, on this computer alone:');
  },
);
