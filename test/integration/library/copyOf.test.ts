import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { copyOf } from '#main/library/copyOf.ts';
import { connect, markAsLibrary } from '#main/library/database.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'copy-of-'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** Writes without a pause: each transaction sets all 400 rows, of one page each, to the next number, and the log is moved into the file and begun anew all the time. */
const writer = (path: string): string => `
  import Database from 'better-sqlite3';
  const database = new Database(${JSON.stringify(path)});
  database.pragma('synchronous = OFF');
  database.pragma('wal_autocheckpoint = 50');
  const set = database.prepare('UPDATE t SET n = n + 1');
  console.log('writing');
  for (;;) {
    for (let i = 0; i < 20; i++) set.run();
    database.pragma('wal_checkpoint(RESTART)');
    await new Promise((next) => setImmediate(next));
  }`;

it('is one committed state, whoever writes meanwhile', { timeout: 300_000 }, async () => {
  const path = join(root, 'library.sqlite');
  const temporary = join(root, 'temporary');
  mkdirSync(temporary);
  vi.stubEnv('TMPDIR', temporary);
  const database = connect(path);
  markAsLibrary(database);
  database.exec('CREATE TABLE t (n INTEGER, filler BLOB)');
  const add = database.prepare('INSERT INTO t VALUES (0, zeroblob(3000))');
  database.transaction(() => {
    for (let i = 0; i < 400; i++) add.run();
  })();
  database.close();
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer(path)], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((begun) => child.stdout.once('data', begun));
    const seen = new Set<number>();
    for (let copies = 0; copies < 60;) {
      let copy;
      try {
        copy = copyOf(path);
      } catch (error) {
        expect(error).toMatchObject({ code: 'conflict' }); // Written to all the time: said so, never shown half.
        continue;
      }
      copies++;
      const [least, most, rows] = copy.prepare('SELECT min(n), max(n), count(*) FROM t').raw().get() as [number, number, number];
      copy.close();
      expect([most - least, rows]).toEqual([0, 400]);
      seen.add(least);
    }
    expect(seen.size).toBeGreaterThan(10);
  } finally {
    const ended = new Promise((done) => child.once('close', done));
    child.kill('SIGKILL');
    await ended;
  }
  expect(readdirSync(temporary)).toEqual([]);
});
