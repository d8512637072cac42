import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StudioError } from '#shared/base/errors.ts';
import type { Random } from '#shared/base/random.ts';
import { openDocument, readMaskFile, writeMaskFile } from '#main/document/index.ts';
import { listCases, openProject } from '#main/library/index.ts';
import { decodeMask, decodeRecord, encodeMask, freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import type { TrustRow } from '../row.ts';
import { trustGrid, trustProject } from '../trustProject.ts';

/** Flips, cuts, inserts, repeats, zeroes or overwrites with extremes. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.integer(Math.max(1, bytes.length));
  const length = 1 + random.integer(64);
  const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  const copy = new Uint8Array(bytes);
  switch (random.integer(6)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(8));
      return copy;
    case 1:
      return copy.slice(0, at);
    case 2:
      return joined(
        copy.slice(0, at),
        Uint8Array.from({ length }, () => random.integer(256)),
        copy.slice(at),
      );
    case 3:
      return joined(copy.slice(0, at), copy.slice(at, at + length), copy.slice(at));
    case 4:
      return copy.fill(0, at, at + length);
    default:
      return copy.fill(0xff, at, at + Math.min(length, 9));
  }
}

/** The mutant with its closing CRC-32 put right: what a hostile writer would do. */
function resealed(bytes: Uint8Array, random: Random): Uint8Array {
  const body = mutate(bytes.subarray(0, -4), random);
  const out = Buffer.alloc(body.length + 4);
  out.set(body);
  out.writeUInt32LE(crc32(body), body.length);
  return new Uint8Array(out);
}

export const row: TrustRow = {
  name: 'malformed-project',
  property: 'damaged or hostile project files give a typed error or a correct load, in under 5 s and 500 MB',
  count: 3000,
  short: 150,
  part: 500,
  async run({ count, random, folder }) {
    const path = join(folder, 'p');
    const { project, caseId } = trustProject(path);
    const document = await openDocument(project.paths.case(caseId), { caseId, grid: trustGrid });
    const records: Uint8Array[] = [];
    const { mask, history } = document.state();
    const editor = SegmentationDocument.restore(mask, history, { sink: (record) => records.push(record) });
    for (let n = 0; n < 10; n++) {
      editor.push(
        'Dab',
        paint(
          { volume: editor.volume, policy: freePolicy },
          { kind: 'ball', centre: [random.uniform(0, 48), 20, 20], radius: 6 },
          1 + (n % 3),
        ),
      );
      if (n === 5) {
        await document.append(records.slice(0, 6));
        await document.snapshot();
      }
    }
    await document.append(records.slice(6));
    await writeMaskFile(join(path, 'prediction.mask'), editor.volume);
    const caseFolder = project.paths.case(caseId).slice(path.length + 1);
    const intact = join(folder, 'intact');
    cpSync(path, intact, { recursive: true, filter: (source) => !source.includes('project.lock') });
    await document.close();
    project.close();
    cpSync(join(path, 'library.sqlite'), join(intact, 'library.sqlite'));
    for (const suffix of ['-wal', '-shm']) rmSync(join(intact, `library.sqlite${suffix}`), { force: true });
    const files = [
      'project.json',
      'library.sqlite',
      'library.sha256',
      'prediction.mask',
      ...readdirSync(join(intact, caseFolder)).map((name) => `${caseFolder}/${name}`),
    ].filter((name) => statSync(join(intact, name), { throwIfNoEntry: false })?.isFile() === true);
    const encoded = encodeMask(editor.volume);
    const failures: string[] = [];
    const seen = new Map<string, number>();
    const baseline = process.memoryUsage().rss;
    for (let trial = 0; trial < count; trial++) {
      const kind = random.integer(3);
      let what = `trial ${trial}`;
      // Processor time, because a busy machine says nothing about the file.
      const start = process.cpuUsage();
      try {
        if (kind === 0) {
          what += ': a mask with its checksum put right';
          decodeMask(resealed(encoded, random), { maximumVoxels: 48 ** 3 });
        } else if (kind === 1) {
          what += ': a record';
          decodeRecord(mutate(records[random.integer(records.length)] as Uint8Array, random));
        } else {
          const copy = join(folder, 'copy');
          rmSync(copy, { recursive: true, force: true });
          cpSync(intact, copy, { recursive: true });
          const name = files[random.integer(files.length)] as string;
          what += `: ${name}`;
          writeFileSync(join(copy, name), mutate(readFileSync(join(copy, name)), random));
          const opened = openProject(copy, { author: 'trust' });
          try {
            listCases(opened.read);
            await (await openDocument(opened.paths.case(caseId), { caseId, grid: trustGrid })).close();
            await readMaskFile(join(copy, 'prediction.mask'), { maximumVoxels: 48 ** 3 });
          } finally {
            opened.close();
          }
        }
        seen.set('loaded', (seen.get('loaded') ?? 0) + 1);
      } catch (error) {
        if (error instanceof StudioError && error.code !== 'internal') seen.set(error.code, (seen.get(error.code) ?? 0) + 1);
        else failures.push(`${what}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
      }
      const { user, system } = process.cpuUsage(start);
      if (user + system > 5e6) failures.push(`${what}: took ${Math.round((user + system) / 1000)} ms`);
    }
    const grown = (process.memoryUsage().rss - baseline) / 2 ** 20;
    if (grown > 500) failures.push(`memory grew by ${grown.toFixed(0)} MB`);
    return {
      tried: count,
      failures,
      counts: Object.fromEntries(seen),
      most: { 'MB more memory': grown },
    };
  },
};
