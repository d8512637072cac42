import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultOf } from '#main/library/database.ts';
import * as library from '#main/library/index.ts';
import type { Project } from '#main/library/index.ts';
import type { StudioError } from '#shared/base/errors.ts';
import type { LabelSet } from '#shared/domain/labelSet.ts';
import { fillDisk, withSmallDisk } from '../../trust/smallDisk.ts';

const labelSet: LabelSet = {
  labels: [
    { value: 2, name: 'Liver', color: '#c04040', locked: false },
    { value: 1, name: 'Spleen', color: '#4040c0', locked: true },
  ],
};
let folder: string;
let project: Project | null;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'library-')), 'study.logonet');
  project = null;
});
afterEach(() => {
  project?.close();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

const create = (): Project => (project = library.createProject(folder, { name: 'Study', labelSet, author: 'reader' }));
const open = (): Project => (project = library.openProject(folder, { author: 'other reader' }));

describe('a project', () => {
  it('is durable by its settings', () => {
    create();
    const settings = project?.write.all('PRAGMA synchronous') as unknown[];
    expect(settings).toEqual([{ synchronous: 2 }]);
    expect(project?.write.all('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(project?.write.all('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
  });

  it('is not opened on a full disk, says so, and is as it was once there is room', async () => {
    const done = await withSmallDisk(folder, async () => {
      const path = join(folder, 'study.logonet');
      library.createProject(path, { name: 'Study', labelSet, author: 'reader' }).close();
      const names = () => readdirSync(path, { recursive: true }).sort();
      const before = names();
      const filler = join(folder, 'filler');
      const said = new Set<string>();
      for (let pages = 0; pages < 10; pages++) {
        fillDisk(filler);
        truncateSync(filler, statSync(filler).size - pages * 4096);
        try {
          library.openProject(path, { author: 'reader' }).close();
        } catch (error) {
          said.add((error as StudioError).code);
        }
        rmSync(filler);
      }
      expect([...said]).toEqual(['disk-full']);
      const opened = library.openProject(path, { author: 'reader' });
      expect([opened.repair, library.getLabelSet(opened.read)]).toEqual([null, labelSet]);
      opened.close();
      expect(names()).toEqual(before);
    });
    if (done === null) console.warn('no small disk here: a full one was not tried');
  });

  it('that cannot be read now is not taken for a damaged one', () => {
    create().close();
    project = null;
    const path = join(folder, readdirSync(folder).find((name) => name.endsWith('.sqlite')) ?? '');
    const holder = new Database(path);
    holder.pragma('journal_mode = DELETE');
    holder.exec('BEGIN EXCLUSIVE');
    const reader = new Database(path, { timeout: 0 });
    expect(() => faultOf(reader)).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }));
    holder.close();
    expect(faultOf(reader)).toBe(null);
    reader.close();
  });

  it('comes back as it was left', () => {
    const { write } = create();
    const id = library.addCase(write, { name: 'Case 1', notes: 'motion' });
    library.setCaseStatus(write, id, 'inCorrection');
    project?.close();
    const { read, info, repair } = open();
    expect(repair).toBeNull();
    expect(info.name).toBe('Study');
    expect(library.getLabelSet(read)).toEqual(labelSet);
    expect(library.getCase(read, id)).toMatchObject({ name: 'Case 1', notes: 'motion', status: 'inCorrection', updatedBy: 'reader' });
  });

  it('lets one process write and others read', () => {
    const { write } = create();
    library.addCase(write, { name: 'Case 1' });
    expect(() => library.openProject(folder, { author: 'x' })).toThrow(/already open on .* \(process \d+\), since/);
    const reader = library.openProjectReadOnly(folder);
    expect(library.listCases(reader.read).total).toBe(1);
    expect(() => (reader.read as library.WriteHandle).run('DELETE FROM label')).toThrow();
    reader.close();
  });

  it('refuses folders that hold something else', () => {
    create().close();
    expect(() => library.createProject(folder, { name: 'x', labelSet, author: 'x' })).toThrow(/not empty/);
    expect(() => library.openProject(join(folder, 'images'), { author: 'x' })).toThrow(/no LoGoNet Studio project/);
    project = null;
  });

  it('refuses a library of a newer version and leaves it alone', () => {
    create().close();
    const database = new Database(join(folder, 'library.sqlite'));
    database.pragma('user_version = 999');
    database.close();
    rmSync(join(folder, 'library.sha256'));
    const before = readFileSync(join(folder, 'library.sqlite'));
    expect(() => library.openProject(folder, { author: 'x' })).toThrow(/newer version/);
    expect(readFileSync(join(folder, 'library.sqlite')).equals(before)).toBe(true);
    project = null;
  });

  it.each([
    [
      'a flipped bit in a text',
      (bytes: Buffer) => {
        const at = bytes.indexOf('motion artefact');
        bytes[at] = (bytes[at] as number) ^ 1;
        return bytes;
      },
    ],
    ['half a file', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['an empty file', () => Buffer.alloc(0)],
    ['something else', () => Buffer.from('hello')],
  ])('is restored from its backup after %s', (_name, damage) => {
    const { write } = create();
    const id = library.addCase(write, { name: 'Case 1', notes: 'motion artefact' });
    project?.close();
    const path = join(folder, 'library.sqlite');
    const damaged = damage(readFileSync(path));
    writeFileSync(path, damaged);
    const { read, repair } = open();
    expect(library.getCase(read, id).notes).toBe('motion artefact');
    expect(repair?.sentence).toMatch(/restored from the backup of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d;/);
    expect(readFileSync(join(folder, repair?.keptIn ?? '', 'library.sqlite')).equals(damaged)).toBe(true);
    expect(library.listEvents(read)[0]?.kind).toBe('restored-backup');
  });

  it('says so, and touches nothing, where a damaged library has no backup', () => {
    create().close();
    rmSync(join(folder, 'backups'), { recursive: true });
    writeFileSync(join(folder, 'library.sqlite'), 'hello');
    expect(() => library.openProject(folder, { author: 'x' })).toThrow(/has no backup/);
    expect(readFileSync(join(folder, 'library.sqlite'), 'utf8')).toBe('hello');
    project = null;
  });

  it('keeps a bounded number of backups', () => {
    const { write } = create();
    for (let n = 0; n < 12; n++) {
      library.addCase(write, { name: `Case ${n}` });
      project?.backup();
      project?.backup();
    }
    const backups = readdirSync(join(folder, 'backups')).filter((name) => name.endsWith('.sqlite'));
    expect(backups).toHaveLength(8);
    expect(existsSync(join(folder, 'backups', `${backups[0]}.sha256`))).toBe(true);
  });
});
