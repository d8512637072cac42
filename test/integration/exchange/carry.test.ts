import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packProject } from '#main/exchange/carry/packProject.ts';
import { checksumsText, descriptionText } from '#main/exchange/carry/packedProject.ts';
import { lookIntoPacked, unpackProject } from '#main/exchange/carry/unpackProject.ts';
import { exportDicomSeries } from '#main/export/exportDicomSeries.ts';
import { requireSpace } from '#main/files/freeSpace.ts';
import { TarWriter } from '#main/files/tar.ts';
import { latestSchema, listImages, listJobs, openProject, type Project } from '#main/library/index.ts';
import { verifyProject } from '#main/project/verifyProject.ts';
import { bring, emptyProject, quietly, size, writeCase } from '#test/support/exchange.ts';
import { rampVolume } from '#test/support/studio.ts';

let root: string;
let project: Project;
const at = (...parts: string[]): string => join(root, ...parts);

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-carry-'));
  project = emptyProject(at('project'));
  await writeCase(at('copied'), 'one', 1, [[1, 'Liver'], [2, 'Spleen']]); // prettier-ignore
  await bring(project, [at('copied')]);
  // Left where they are: a file, a series, and a header with its voxels beside it.
  await writeCase(at('left'), 'two', 2, []);
  await exportDicomSeries(at('left', 'series'), rampVolume(size, 3), { modality: 'CT', name: 'three' });
  mkdirSync(at('left', 'mhd'));
  const { data } = rampVolume(size, 4);
  writeFileSync(at('left', 'mhd', 'four.raw'), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  writeFileSync(
    at('left', 'mhd', 'four.mhd'),
    'ObjectType = Image\nNDims = 3\nDimSize = 8 7 6\nElementType = MET_SHORT\nElementSpacing = 1 1 2\nElementDataFile = four.raw\n',
  );
  await bring(project, [at('left')], { mode: 'reference' });
});
afterEach(() => {
  project.close();
  rmSync(root, { recursive: true, force: true });
});

const images = (of: Project) => listImages(of.read).map(({ contentHash, storage, format }) => [contentHash, storage, format]);

describe('a project in one file', () => {
  it('is whole on the other computer, with the images that were left where they were', { timeout: 120_000 }, async () => {
    expect(images(project).map(([, storage]) => storage)).toEqual(['copy', 'reference', 'reference', 'reference']);
    mkdirSync(at('project', 'jobs', 'leftover'), { recursive: true });
    writeFileSync(at('project', 'jobs', 'leftover', 'job.json'), '{}');
    const { files, bytes } = await packProject(project, at('out', 'all.logonet'), quietly);
    expect([files > 10, bytes]).toEqual([true, statSync(at('out', 'all.logonet')).size]);
    expect(readdirSync(at('out'))).toEqual(['all.logonet']);
    expect(await lookIntoPacked(at('out', 'all.logonet'))).toMatchObject({ name: 'of reader', files });
    rmSync(at('left'), { recursive: true });
    await unpackProject(at('out', 'all.logonet'), at('there'), quietly);
    expect(existsSync(at('there', 'jobs'))).toBe(false);
    expect(await verifyProject(at('there'), quietly)).toEqual({ checked: 5, faults: [] });
    const opened = openProject(at('there'), { author: 'other' });
    try {
      expect(images(opened)).toEqual(images(project).map(([hash, , format]) => [hash, 'copy', format]));
      expect(listJobs(opened.read, 10)).toEqual([]);
      expect(opened.info.id).toBe(project.info.id);
    } finally {
      opened.close();
    }
  });

  it('takes the place of nothing, neither packed nor unpacked', async () => {
    writeFileSync(at('there.logonet'), 'mine');
    await expect(packProject(project, at('there.logonet'), quietly)).rejects.toMatchObject({ code: 'conflict' });
    expect(readFileSync(at('there.logonet'), 'utf8')).toBe('mine');
    await packProject(project, at('all.logonet'), quietly);
    await expect(unpackProject(at('all.logonet'), at('left'), quietly)).rejects.toMatchObject({ code: 'conflict' });
    await expect(unpackProject(at('all.logonet'), at('there.logonet'), quietly)).rejects.toMatchObject({ code: 'conflict' });
    await expect(packProject(project, at('all.logonet'), quietly)).rejects.toMatchObject({ code: 'conflict' });
    await packProject(project, at('all.logonet'), { ...quietly, overwrite: true });
    mkdirSync(at('empty'));
    await unpackProject(at('all.logonet'), at('empty'), quietly);
    expect(existsSync(at('empty', 'project.json'))).toBe(true);
  });

  it('is refused with an image that is away or another one, and says which', async () => {
    appendFileSync(at('left', 'series', 'slice_00002.dcm'), ' ');
    await expect(packProject(project, at('all.logonet'), quietly)).rejects.toMatchObject({ code: 'changed' });
    rmSync(at('left', 'images', 'two.nii.gz'));
    await expect(packProject(project, at('all.logonet'), quietly)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('The image of “two” cannot be packed') as string,
    });
    expect(readdirSync(root).filter((name) => name.includes('logonet'))).toEqual([]);
  });

  it('is not unpacked where a byte is another one or it breaks off, and nothing is left then', { timeout: 120_000 }, async () => {
    await packProject(project, at('all.logonet'), quietly);
    const bytes = readFileSync(at('all.logonet'));
    for (let n = 0; n < 40; n++) {
      const damaged = Buffer.from(bytes);
      const place = Math.floor((bytes.length - 1024) * (n / 40)) + 5;
      damaged[place] = (damaged[place] ?? 0) ^ 16;
      writeFileSync(at('bad.logonet'), n % 4 === 3 ? bytes.subarray(0, place) : damaged);
      const outcome = await unpackProject(at('bad.logonet'), at('there'), quietly).then(
        () => 'unpacked',
        (error: unknown) => (error as { code: string }).code,
      );
      // Padding between files belongs to nobody.
      if (outcome === 'unpacked') {
        expect((await verifyProject(at('there'), quietly)).faults).toEqual([]);
        rmSync(at('there'), { recursive: true });
      } else expect(['corrupt', 'invalid-file', 'unsupported']).toContain(outcome);
      expect(existsSync(at('there'))).toBe(false);
      expect(readdirSync(root).filter((name) => name.startsWith('.writing'))).toEqual([]);
    }
  });

  it.each(['../outside.txt', '/tmp/logonet-outside.txt', 'a/../../outside.txt', 'C:\\outside.txt', 'a\\..\\..\\outside.txt'])(
    'writes nothing outside its folder (%s)',
    async (name) => {
      const file = await open(at('hostile.logonet'), 'w');
      const archive = new TarWriter(file);
      const about = descriptionText({ id: 'x', name: 'x', schema: latestSchema, files: 1, bytes: 1 });
      await archive.add('logonet.json', about.length, [about]);
      await archive.add(name, 1, [Buffer.from('x')]);
      const sums = checksumsText(new Map([[name, '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881']]));
      await archive.add('SHA256SUMS', sums.length, [sums]);
      await archive.end();
      await file.close();
      await expect(unpackProject(at('hostile.logonet'), at('there'), quietly)).rejects.toMatchObject({ code: 'invalid-argument' });
      expect([existsSync(at('there')), existsSync(at('outside.txt')), existsSync('/tmp/logonet-outside.txt')]).toEqual([
        false,
        false,
        false,
      ]);
    },
  );

  it('needs room, and says how much before a byte is written', async () => {
    await expect(requireSpace(at('nowhere', 'yet'), 1e18)).rejects.toMatchObject({ code: 'disk-full' });
    await requireSpace(at('nowhere', 'yet'), 10);
    writeFileSync(at('other.logonet'), 'no archive at all');
    await expect(lookIntoPacked(at('other.logonet'))).rejects.toMatchObject({ code: 'invalid-file' });
    await expect(lookIntoPacked(at('project', 'library.sqlite'))).rejects.toMatchObject({ code: 'invalid-file' });
  });
});
