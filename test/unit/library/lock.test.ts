import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { heldBy, ProjectLock } from '#main/library/lock.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const holder = { host: 'ward-3', process: 17, since: '2026-11-30T08:14:00.000Z', user: 'kim', alive: '2026-11-30T09:00:00.000Z' };

it('says who holds a project, where, since when, and how to look at it', () => {
  const path = join(root, 'project.lock');
  const lock = ProjectLock.acquire(path);
  expect(() => ProjectLock.acquire(path)).toThrow(
    new RegExp(`already open on ${hostname()} by ${userInfo().username} .*, since .*open it for reading alone`),
  );
  lock.release();
  ProjectLock.acquire(path).release();
});

it('tells a holder that is there from one that fell silent', () => {
  expect(heldBy(holder, new Date('2026-11-30T09:00:15Z'))).toMatch(/Close it there first, or open it for reading alone/);
  expect(heldBy(holder, new Date('2026-11-30T09:30:00Z'))).toMatch(
    /Nothing has been heard of it for 30 minutes.*as soon as the file server sees/,
  );
  const { user: _user, alive: _alive, ...earlier } = holder; // as version 0.1.0 wrote it
  expect(heldBy(earlier, new Date('2026-12-24T00:00:00Z'))).toMatch(/already open on ward-3 \(process 17\).*Close it there first/);
  expect(heldBy(undefined, new Date())).toMatch(/another program/);
});

it('is not taken from a holder that only looks gone, and is free at once when it ended', { timeout: 60_000 }, async () => {
  const path = join(root, 'other.lock');
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { ProjectLock } from ${JSON.stringify(join(import.meta.dirname, '../../../src-main/library/lock.ts'))}; ProjectLock.acquire(${JSON.stringify(path)}); console.log('held'); setInterval(() => undefined, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((held) => child.stdout.once('data', held));
  const file = `${path}.holder`;
  const said = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...said, alive: '2020-01-01T00:00:00.000Z' }));
  expect(() => ProjectLock.acquire(path)).toThrow(/Nothing has been heard of it/);
  const ended = new Promise((done) => child.once('close', done));
  child.kill('SIGKILL');
  await ended;
  ProjectLock.acquire(path).release();
});
