import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sameGrid } from '#shared/geometry/orientation.ts';
import { encodeNifti } from '#main/imageio/nifti/encodeNifti.ts';
import { parseNiftiHeader } from '#main/imageio/nifti/header.ts';
import { readNifti } from '#main/imageio/nifti/readNifti.ts';
import { obliqueGrid, randomVolume, unevenGrid } from '../../support/volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'logonet-nifti-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const volume = randomVolume(obliqueGrid(unevenGrid, [20, -30, 10]), 2);

function header(change: (view: DataView) => void = () => undefined): Uint8Array {
  const bytes = encodeNifti(volume)[0]!.slice();
  change(new DataView(bytes.buffer));
  return bytes;
}

async function read(head: Uint8Array, data: ArrayBufferView) {
  const path = join(folder, 'x.nii');
  writeFileSync(path, Buffer.concat([head, new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)]));
  return readNifti(path, 'none', { maxBytes: 1e9 });
}

/** The header with every number's bytes reversed, as a big-endian machine writes it. */
function bigEndian(little: Uint8Array): Uint8Array {
  const bytes = little.slice();
  const swap = (at: number, width: number, count = 1): void => {
    for (let n = 0; n < count; n++) bytes.subarray(at + n * width, at + (n + 1) * width).reverse();
  };
  swap(0, 4);
  swap(40, 2, 8);
  swap(56, 4, 3);
  swap(68, 2, 4);
  swap(76, 4, 8);
  swap(108, 4, 3);
  swap(120, 2);
  swap(124, 4, 4);
  swap(252, 2, 2);
  swap(256, 4, 18);
  return bytes;
}

describe('NIfTI', () => {
  it('takes the sform, and the qform where there is no sform', () => {
    const withSform = parseNiftiHeader('x.nii', header());
    const withQform = parseNiftiHeader(
      'x.nii',
      header((view) => {
        view.setInt16(254, 0, true);
        for (let n = 0; n < 12; n++) view.setFloat32(280 + 4 * n, 99, true);
      }),
    );
    expect(sameGrid(withSform.grid, volume.grid, 1e-4)).toBe(true);
    expect(sameGrid(withQform.grid, volume.grid, 1e-4)).toBe(true);
  });

  it('prefers the sform even where the qform has the higher code', () => {
    const both = parseNiftiHeader(
      'x.nii',
      header((view) => {
        view.setInt16(252, 4, true);
        view.setFloat32(268, 500, true);
      }),
    );
    expect(sameGrid(both.grid, volume.grid, 1e-4)).toBe(true);
  });

  it('warns where neither is there', () => {
    const neither = parseNiftiHeader(
      'x.nii',
      header((view) => {
        view.setInt16(252, 0, true);
        view.setInt16(254, 0, true);
      }),
    );
    expect(neither.warnings).toEqual([expect.stringContaining('left and right are unknown')]);
    expect(neither.grid.affine.slice(0, 4)).toEqual([-0.75, 0, 0, 0]);
  });

  it('reads big-endian files', async () => {
    const swapped = volume.data.map((value) => ((value & 0xff) << 8) | ((value >> 8) & 0xff));
    const image = await read(bigEndian(header()), swapped);
    expect(image.volume.data).toEqual(volume.data);
    expect(sameGrid(image.volume.grid, volume.grid, 1e-4)).toBe(true);
  });

  it('scales integers, keeping them integers where only an offset fits', async () => {
    const scaled = await read(
      header((view) => {
        view.setFloat32(112, 0.5, true);
        view.setFloat32(116, 3, true);
      }),
      volume.data,
    );
    expect(scaled.volume.data).toEqual(Float32Array.from(volume.data, (value) => value * 0.5 + 3));
    const moved = await read(
      header((view) => {
        view.setFloat32(116, -24, true);
      }),
      volume.data,
    );
    expect(moved.volume.data).toEqual(volume.data.map((value) => value - 24));
    for (const slope of [0, NaN, Infinity])
      expect(
        (
          await read(
            header((view) => {
              view.setFloat32(112, slope, true);
              view.setFloat32(116, 3, true);
            }),
            volume.data,
          )
        ).volume.data,
      ).toEqual(volume.data);
  });

  it('reads metres as millimetres, with a warning', () => {
    const metres = parseNiftiHeader(
      'x.nii',
      header((view) => {
        view.setUint8(123, 1);
      }),
    );
    expect(metres.grid.affine[3]).toBeCloseTo(volume.grid.affine[3] * 1000, 1);
    expect(metres.warnings).toHaveLength(1);
  });

  it('passes over header extensions', async () => {
    const head = header((view) => {
      view.setFloat32(108, 352 + 800, true);
      view.setUint8(348, 1);
    });
    expect((await read(Buffer.concat([head, Buffer.alloc(800, 7)]), volume.data)).volume.data).toEqual(volume.data);
  });

  it('refuses what is not one 3-D volume of numbers, with the reason', () => {
    const cases: [RegExp, (view: DataView) => void][] = [
      [
        /5-dimensional \(5 × 4 × 3 × 1 × 7\)/,
        (view) => {
          view.setInt16(40, 5, true);
          view.setInt16(48, 1, true);
          view.setInt16(50, 7, true);
        },
      ],
      [
        /colour image/,
        (view) => {
          view.setInt16(70, 128, true);
        },
      ],
      [
        /type that is not read here \(datatype 32\)/,
        (view) => {
          view.setInt16(70, 32, true);
        },
      ],
      [
        /size of -5 × 4 × 3/,
        (view) => {
          view.setInt16(42, -5, true);
        },
      ],
      [
        /claims 9 dimensions/,
        (view) => {
          view.setInt16(40, 9, true);
        },
      ],
      [
        /begin at byte/,
        (view) => {
          view.setFloat32(108, 1e12, true);
        },
      ],
      [
        /where its voxels lie/,
        (view) => {
          for (let n = 0; n < 12; n++) view.setFloat32(280 + 4 * n, n % 4 === 3 ? 0 : 1, true);
        },
      ],
      [
        /where its voxels lie/,
        (view) => {
          view.setFloat32(280, NaN, true);
        },
      ],
      [
        /half of a \.hdr/,
        (view) => {
          view.setUint8(345, 0x69);
        },
      ],
    ];
    for (const [sentence, change] of cases) expect(() => parseNiftiHeader('x.nii', header(change)), String(sentence)).toThrow(sentence);
  });

  it('writes NIfTI-2 where NIfTI-1 cannot hold the size or the position', async () => {
    const long = { grid: { size: [40000, 1, 1] as const, affine: unevenGrid.affine }, data: new Uint8Array(40000).fill(3) };
    const precise = {
      grid: { size: [2, 1, 1] as const, affine: [1e-3, 0, 0, 1234567.891, 0, 1, 0, 0, 0, 0, 1, 0] as const },
      data: new Uint8Array(2),
    };
    for (const one of [long, precise]) {
      const [head, data] = encodeNifti(one) as [Uint8Array, Uint8Array];
      const image = await read(head, data);
      expect(image.format).toBe('nifti2');
      expect(sameGrid(image.volume.grid, one.grid, 1e-9)).toBe(true);
    }
  });
});
