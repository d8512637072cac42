import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip, gzipSync } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { StudioError } from '#shared/base/errors.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { matchPairs, readDataset } from '#main/imageio/dataset.ts';
import { encodeNifti } from '#main/imageio/nifti/encodeNifti.ts';
import { readImage, readLabels } from '#main/imageio/readImage.ts';
import { scanFolder } from '#main/imageio/scan.ts';
import { mutantSeeds, mutateFile } from '../../support/mutants.ts';
import { randomVolume, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-hostile-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const mutantsEach = 40;

/** Of processor time, all threads together: a busy machine says nothing about a file. */
function secondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

describe('damaged files are read right or refused with a sentence', () => {
  for (const seed of mutantSeeds) {
    it(`${mutantsEach} mutants of ${seed.name}`, async () => {
      const bytes = await seed.bytes();
      const random = new Random(2026);
      const path = join(folder, `mutant${seed.extension}`);
      const before = process.memoryUsage().rss;
      for (let n = 0; n < mutantsEach; n++) {
        writeFileSync(path, mutateFile(bytes, random));
        const read = n % 2 === 0 ? readImage : readLabels;
        const start = process.cpuUsage();
        const result: unknown = await read(path, { timeoutMs: 60_000 }).catch((error: unknown) => error);
        expect(secondsSince(start)).toBeLessThan(5);
        if (result instanceof Error) {
          expect(result).toBeInstanceOf(StudioError);
          const { code, message } = result as StudioError;
          expect({ code: ['invalid-file', 'unsupported'].includes(code) ? 'fine' : code, message }).toEqual({
            code: 'fine',
            message: expect.stringMatching(/^mutant\S* .{8,}/),
          });
          expect(message).not.toContain('within');
        } else {
          const { grid, data } = (result as Awaited<ReturnType<typeof readImage>>).volume;
          expect(data.length).toBe(voxelCount(grid));
          expect(grid.affine.every(Number.isFinite)).toBe(true);
        }
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
    });
  }

  it('sound seeds load (the mutants start from something)', async () => {
    for (const seed of mutantSeeds.filter(({ name }) => !name.includes('RLE'))) {
      const path = join(folder, `sound${seed.extension}`);
      writeFileSync(path, await seed.bytes());
      expect((await readImage(path)).volume.data.length).toBeGreaterThan(59);
    }
  });
});

describe('headers that claim more than there is', () => {
  const header = (): Uint8Array => encodeNifti(randomVolume(unevenGrid, 1))[0]!.slice();

  it('a huge size in a small file is refused before memory is taken', async () => {
    const bytes = header();
    new DataView(bytes.buffer).setInt16(42, 32767, true);
    new DataView(bytes.buffer).setInt16(44, 32767, true);
    for (const [name, content] of [
      ['huge.nii', bytes],
      ['huge.nii.gz', gzipSync(bytes)],
    ] as const) {
      writeFileSync(join(folder, name), content);
      await expect(readImage(join(folder, name))).rejects.toMatchObject({
        code: 'invalid-file',
        message: expect.stringContaining('shorter than its header says'),
      });
    }
  });

  it('a gzip bomb behind a small header is left after a little', async () => {
    const path = join(folder, 'bomb.nii.gz');
    const zeros = Buffer.alloc(1 << 20);
    await pipeline(
      Readable.from(
        (function* () {
          yield header();
          for (let n = 0; n < 1024; n++) yield zeros;
        })(),
      ),
      createGzip({ level: 1 }),
      createWriteStream(path),
    );
    const start = process.cpuUsage(),
      before = process.memoryUsage().rss;
    await expect(readImage(path)).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringContaining('much more data than its header says'),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    expect(secondsSince(start)).toBeLessThan(5);
  });

  it('more voxels than the limit are refused', async () => {
    const path = join(folder, 'limit.nii');
    writeFileSync(path, Buffer.concat(encodeNifti(randomVolume(unevenGrid, 1))));
    await expect(readImage(path, { maxBytes: 100 })).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringContaining('more than the limit'),
    });
  });

  it('a volume of NaN is refused; some NaN are read as 0 with a warning', async () => {
    const data = new Float32Array(60).fill(NaN);
    const path = join(folder, 'nan.nii');
    writeFileSync(path, Buffer.concat(encodeNifti({ grid: unevenGrid, data })));
    await expect(readImage(path)).rejects.toMatchObject({ message: 'nan.nii holds no image: most of its voxels are not numbers (NaN).' });
    writeFileSync(path, Buffer.concat(encodeNifti({ grid: unevenGrid, data: data.fill(7, 10) })));
    const image = await readImage(path);
    expect(image.warnings).toEqual(['10 of 60 voxels were not numbers (NaN or infinite) and are read as 0.']);
    expect(Array.from(image.volume.data.subarray(8, 12))).toEqual([0, 0, 7, 7]);
  });
});

describe('names that lead outside', () => {
  const outside = ['../secret.raw', '/etc/passwd', 'C:\\secret.raw', '\\\\server\\share\\x', 'a/../../x', 'link.raw', 'nul\0.raw'];

  it('are not followed by detached NRRD and MetaImage headers', async () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(folder, 'secret.raw'), new Uint8Array(8));
    symlinkSync(join(folder, 'secret.raw'), join(inner, 'link.raw'));
    for (const name of outside) {
      writeFileSync(
        join(inner, 'x.nhdr'),
        `NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nspace: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\ndata file: ${name}\n`,
      );
      writeFileSync(
        join(inner, 'x.mhd'),
        `ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = ${name}\n`,
      );
      for (const file of ['x.nhdr', 'x.mhd'])
        await expect(readImage(join(inner, file))).rejects.toMatchObject({
          code: 'invalid-file',
          message: expect.stringMatching(/not followed|not beside/),
        });
    }
    writeFileSync(join(inner, 'mine.raw'), new Uint8Array(8).fill(9));
    writeFileSync(
      join(inner, 'x.mhd'),
      'ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = mine.raw\n',
    );
    expect(Array.from((await readImage(join(inner, 'x.mhd'))).volume.data)).toEqual(new Array(8).fill(9));
    // A folder of the header's own is followed, a link on the way is not.
    mkdirSync(join(inner, 'data'));
    writeFileSync(join(inner, 'data', 'mine.raw'), new Uint8Array(Int32Array.from({ length: 8 }, (_, n) => 70_000 - n).buffer));
    symlinkSync(join(inner, 'data'), join(inner, 'linked'));
    const long = (file: string): string =>
      `ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_LONG\nElementDataFile = ${file}\n`;
    writeFileSync(join(inner, 'x.mhd'), long('data/mine.raw'));
    expect(Array.from((await readImage(join(inner, 'x.mhd'))).volume.data)).toEqual(Array.from({ length: 8 }, (_, n) => 70_000 - n));
    writeFileSync(join(inner, 'x.mhd'), long('linked/mine.raw'));
    await expect(readImage(join(inner, 'x.mhd'))).rejects.toMatchObject({ code: 'invalid-file' });
  });

  it('are left out of data set descriptions with a reason', async () => {
    const root = join(folder, 'dataset');
    mkdirSync(join(root, 'imagesTr'), { recursive: true });
    writeFileSync(join(folder, 'secret.nii'), '');
    writeFileSync(join(root, 'imagesTr', 'good.nii'), '');
    symlinkSync(join(folder, 'secret.nii'), join(root, 'imagesTr', 'link.nii'));
    const images = [
      './imagesTr/good.nii',
      '../secret.nii',
      '/etc/passwd',
      'imagesTr/link.nii',
      'imagesTr/../../secret.nii',
      'C:\\x.nii',
      'gone.nii',
      7,
      { toString: 1 },
    ];
    writeFileSync(
      join(root, 'dataset.json'),
      JSON.stringify({ labels: { 0: 'background', 1: 'A' }, training: images.map((image) => ({ image, label: '../labels.nii' })) }),
    );
    const { cases, skipped, labels } = await readDataset(join(root, 'dataset.json'));
    expect(cases).toEqual([{ name: 'good', image: join(root, 'imagesTr', 'good.nii'), further: [], names: [] }]);
    expect(skipped).toHaveLength(images.length);
    expect(labels).toEqual([{ value: 1, name: 'A' }]);
  });

  it('are not found by scanning through links', async () => {
    const root = join(folder, 'links');
    mkdirSync(root);
    symlinkSync(folder, join(root, 'up'));
    expect(await scanFolder(root)).toEqual({
      candidates: [],
      skipped: [{ path: join(root, 'up'), reason: expect.stringContaining('leads outside the chosen folder') as string }],
      aside: [],
    });
  });
});

describe('odd places', () => {
  it('missing files, folders and pipes are refused with a sentence', async () => {
    await expect(readImage(join(folder, 'none.nii'))).rejects.toMatchObject({
      code: 'not-found',
      message: 'none.nii is not there.',
    });
    mkdirSync(join(folder, 'empty'));
    await expect(readImage(join(folder, 'empty'))).rejects.toMatchObject({ code: 'invalid-file', message: 'empty is an empty folder.' });
    await expect(readDataset(join(folder, 'none.json'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(matchPairs(join(folder, 'none'))).rejects.toMatchObject({ code: 'not-found' });
  });

  it.skipIf(process.platform === 'win32')('a named pipe hangs neither a scan nor a read', async () => {
    const root = join(folder, 'pipes');
    mkdirSync(root);
    execFileSync('mkfifo', [join(root, 'pipe.nii')]);
    expect((await scanFolder(root)).candidates).toEqual([]);
    await expect(readImage(join(root, 'pipe.nii'))).rejects.toMatchObject({ code: 'unsupported', message: 'pipe.nii is no regular file.' });
  });

  it('empty and broken gzip files say so', async () => {
    writeFileSync(join(folder, 'void.nii'), '');
    await expect(readImage(join(folder, 'void.nii'))).rejects.toMatchObject({ code: 'invalid-file', message: 'void.nii is empty.' });
    writeFileSync(join(folder, 'torn.nii.gz'), Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(100, 0xee)]));
    await expect(readImage(join(folder, 'torn.nii.gz'))).rejects.toMatchObject({
      code: 'invalid-file',
      message: expect.stringContaining('compressed data'),
    });
  });

  it('a read that takes too long is given up, one that is cancelled ends at once, and the next one works', async () => {
    const path = join(folder, 'long.nii.gz');
    writeFileSync(
      path,
      gzipSync(
        Buffer.concat(encodeNifti({ grid: { size: [512, 512, 300], affine: unevenGrid.affine }, data: new Int16Array(512 * 512 * 300) })),
        { level: 1 },
      ),
    );
    await expect(readImage(path, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'invalid-file',
      message: 'long.nii.gz could not be read within 0 s.',
    });
    const controller = new AbortController();
    const reading = readImage(path, { cancellation: controller.signal });
    controller.abort();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    expect((await readImage(path)).volume.data).toHaveLength(512 * 512 * 300);
  });

  it('a cancelled read does not begin', async () => {
    const path = join(folder, 'cancelled.nii');
    writeFileSync(path, Buffer.concat(encodeNifti(randomVolume(unevenGrid, 1))));
    await expect(readImage(path, { cancellation: { aborted: true } })).rejects.toMatchObject({ code: 'cancelled' });
  });
});
