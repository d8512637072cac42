import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dicomPlanes } from '#main/export/dicomPlanes.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom, type DicomRecord } from '#main/imageio/dicom/encode.ts';
import { parsedWhole } from '#main/imageio/dicom/describe.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';
import { gridOf } from '#test/support/studio.ts';

let root: string;
const at = (name: string): string => join(root, name);
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'logonet-frames-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const [width, height, slices] = [16, 12, 3];
const grid = gridOf([width, height, slices]);
const length = width * height;
/** Segment 1 is a frame of three columns, 2 a block that overlaps none of it. */
const truth = Uint8Array.from({ length: length * slices }, (_, n) => {
  const [i, j] = [n % width, Math.floor(n / width) % height];
  return i < 3 || i > 12 ? 1 : j > 3 && j < 8 && i > 5 && i < 10 - Math.floor(n / length) ? 2 : 0;
});

type Kind = 'BINARY' | 'FRACTIONAL' | 'LABELMAP';

interface Frame {
  /** 0 in a label map. */
  readonly segment: number;
  readonly k: number;
}

/** All of a segmentation but its pixels. */
function segmentationRecord(
  kind: Kind,
  bits: 1 | 8 | 16,
  [columns, rows]: readonly [number, number],
  frames: readonly Frame[],
): DicomRecord {
  const planes = dicomPlanes(gridOf([columns, rows, slices]));
  return {
    SOPClassUID: kind === 'LABELMAP' ? uids.labelMapSegmentation : uids.segmentation,
    SOPInstanceUID: '2.25.5',
    Modality: 'SEG',
    SeriesInstanceUID: '2.25.6',
    SegmentationType: kind,
    ...(kind === 'FRACTIONAL' && { SegmentationFractionalType: 'PROBABILITY', MaximumFractionalValue: 255 }),
    SegmentSequence: [
      ...(kind === 'LABELMAP' ? [{ SegmentNumber: 0, SegmentLabel: 'Background' }] : []),
      { SegmentNumber: 1, SegmentLabel: 'Wall' },
      { SegmentNumber: 2, SegmentLabel: 'Block' },
    ],
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: rows,
    Columns: columns,
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
    NumberOfFrames: frames.length,
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [{ PixelSpacing: planes.pixelSpacing, SpacingBetweenSlices: planes.sliceDistance }],
        PlaneOrientationSequence: [{ ImageOrientationPatient: planes.orientation }],
      },
    ],
    PerFrameFunctionalGroupsSequence: frames.map(({ segment, k }) => ({
      PlanePositionSequence: [{ ImagePositionPatient: planes.positionOf(k) }],
      ...(segment > 0 && { SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }] }),
    })),
  };
}

type Pack = ((stored: Uint8Array) => Uint8Array) | null;

/** Writes a segmentation of `truth` whose frames `pack` compresses, or that lie as they are. */
function writeSegmentation(name: string, kind: Kind, bits: 1 | 8 | 16, syntax: string, pack: Pack, change: DicomRecord = {}): string {
  const segments = kind === 'LABELMAP' ? [0] : [1, 2];
  const frames = segments.flatMap((segment) => Array.from({ length: slices }, (_, k) => ({ segment, k })));
  const stored = frames.map(({ segment, k }) => storedFrame(kind, bits, segment, truth.slice(k * length, (k + 1) * length)));
  const record: DicomRecord = {
    ...segmentationRecord(kind, bits, [width, height], frames),
    ...(pack === null && { PixelData: new Uint8Array(Buffer.concat(stored)) }),
    ...change,
  };
  writeFileSync(
    at(name),
    Buffer.concat(encodeDicom(record, { transferSyntax: syntax, ...(pack !== null && { frames: stored.map(pack) }) })),
  );
  return at(name);
}

function storedFrame(kind: Kind, bits: 1 | 8 | 16, segment: number, labels: Uint8Array): Uint8Array {
  const values = Array.from(labels, (value) =>
    kind === 'LABELMAP' ? value : kind === 'FRACTIONAL' ? (value === segment ? 200 : 90) : value === segment ? 1 : 0,
  );
  if (bits === 16) return new Uint8Array(Uint16Array.from(values).buffer);
  if (bits === 8) return Uint8Array.from(values);
  const packed = new Uint8Array(Math.ceil(length / 8));
  values.forEach((value, n) => {
    packed[n >> 3] = (packed[n >> 3] ?? 0) | (value << (n & 7));
  });
  return packed;
}

/** PS3.5 annex G: a segment for each byte of a pixel, the most significant first, in literal runs and repeats. */
function rle(stored: Uint8Array, bytesPerPixel: number): Uint8Array {
  const segments = Array.from({ length: bytesPerPixel }, (_, n) => {
    const own = stored.filter((_, at) => at % bytesPerPixel === bytesPerPixel - 1 - n);
    const packed: number[] = [];
    for (let at = 0; at < own.length;) {
      let run = 1;
      while (run < 128 && own[at + run] === own[at]) run++;
      if (run > 1) packed.push(257 - run, own[at] ?? 0);
      else packed.push(0, own[at] ?? 0);
      at += run;
    }
    return [...packed, ...(packed.length % 2 === 0 ? [] : [128])];
  });
  const header = new DataView(new ArrayBuffer(64));
  header.setUint32(0, segments.length, true);
  let offset = 64;
  segments.forEach((segment, n) => {
    header.setUint32(4 + 4 * n, offset, true);
    offset += segment.length;
  });
  return new Uint8Array([...new Uint8Array(header.buffer), ...segments.flat()]);
}

const explicit = uids.explicitLittle;
const cases: readonly (readonly [string, Kind, 1 | 8 | 16, string, Pack])[] = [
  ['binary, as it lies', 'BINARY', 1, explicit, null],
  ['binary, a byte a pixel', 'BINARY', 8, explicit, null],
  ['binary, each frame deflated', 'BINARY', 1, uids.deflatedFrames, (stored) => deflateRawSync(stored)],
  ['binary, each frame deflated, with a header of zlib', 'BINARY', 1, uids.deflatedFrames, (stored) => deflateSync(stored)],
  ['binary, RLE of packed bits', 'BINARY', 1, uids.rle, (stored) => rle(stored, 1)],
  ['binary, RLE of a byte a pixel', 'BINARY', 8, uids.rle, (stored) => rle(stored, 1)],
  ['fractional, as it lies', 'FRACTIONAL', 8, explicit, null],
  ['fractional, each frame deflated', 'FRACTIONAL', 8, uids.deflatedFrames, (stored) => deflateRawSync(stored)],
  ['fractional, RLE', 'FRACTIONAL', 8, uids.rle, (stored) => rle(stored, 1)],
  ['label map of 8 bits, as it lies', 'LABELMAP', 8, explicit, null],
  ['label map of 8 bits, each frame deflated', 'LABELMAP', 8, uids.deflatedFrames, (stored) => deflateRawSync(stored)],
  ['label map of 8 bits, RLE', 'LABELMAP', 8, uids.rle, (stored) => rle(stored, 1)],
  ['label map of 16 bits, as it lies', 'LABELMAP', 16, explicit, null],
  ['label map of 16 bits, each frame deflated', 'LABELMAP', 16, uids.deflatedFrames, (stored) => deflateRawSync(stored)],
  ['label map of 16 bits, RLE', 'LABELMAP', 16, uids.rle, (stored) => rle(stored, 2)],
];

describe('segmentations, in every way that frames are stored', () => {
  it.each(cases)('%s', async (name, kind, bits, syntax, pack) => {
    const { volume, labels } = await readLabels(writeSegmentation(`${name}.dcm`, kind, bits, syntax, pack));
    expect(labels.map(({ value, name: called }) => [value, called])).toEqual([
      [1, 'Wall'],
      [2, 'Block'],
    ]);
    expect(volume.grid.size).toEqual(grid.size);
    expect([...volume.data]).toEqual([...truth]);
  });

  it('label map that the image codec itself compressed to JPEG 2000', async () => {
    const frames = await jpeg2000Frames();
    let n = 0;
    const path = writeSegmentation('codec.dcm', 'LABELMAP', 8, '1.2.840.10008.1.2.4.90', () => frames[n++] ?? new Uint8Array(0));
    expect([...(await readLabels(path)).volume.data]).toEqual([...truth]);
  });

  it('padding that is no 0, and colours by a palette', async () => {
    const change = { PhotometricInterpretation: 'PALETTE COLOR', PixelPaddingValue: 2 };
    const path = writeSegmentation('palette.dcm', 'LABELMAP', 8, explicit, null, change);
    expect([...(await readLabels(path)).volume.data]).toEqual([...truth].map((value) => (value === 2 ? 0 : value)));
  });

  it('frames that break off, or belong to no segment, are refused', async () => {
    const short = writeSegmentation('short.dcm', 'BINARY', 1, uids.deflatedFrames, (stored) => deflateRawSync(stored.subarray(0, 3)));
    await expect(readLabels(short)).rejects.toMatchObject({ code: 'invalid-file' });
    const noise = writeSegmentation('noise.dcm', 'BINARY', 1, uids.rle, () => new Uint8Array(40));
    await expect(readLabels(noise)).rejects.toMatchObject({ code: 'invalid-file' });
  });
});

/** `truth`, a frame a slice, as the image codec compresses it. */
async function jpeg2000Frames(): Promise<readonly Uint8Array[]> {
  const { gdcmWriteImageNode } = await import('@itk-wasm/image-io');
  const frames: Uint8Array[] = [];
  for (let k = 0; k < slices; k++) {
    const image = {
      imageType: { dimension: 2, componentType: 'uint8', pixelType: 'Scalar', components: 1 },
      name: 'frame',
      origin: [0, 0],
      spacing: [1, 1],
      direction: new Float64Array([1, 0, 0, 1]),
      size: [width, height],
      data: truth.slice(k * length, (k + 1) * length),
      metadata: new Map<string, unknown>(),
    };
    await gdcmWriteImageNode(image as unknown as Parameters<typeof gdcmWriteImageNode>[0], at(`frame-${k}.dcm`), { useCompression: true });
    const { file } = await parsedWhole(at(`frame-${k}.dcm`));
    const [, ...fragments] = file.dataset.element('PixelData')?.fragments ?? [];
    expect(file.transferSyntax).toBe('1.2.840.10008.1.2.4.90');
    frames.push(new Uint8Array(Buffer.concat(fragments)));
  }
  return frames;
}

const realFrames = join('formats', 'pydicom', 'src', 'pydicom', 'data', 'test_files');
it.skipIf(!hasSharedData(realFrames))(
  'a label map of real JPEG-LS, JPEG 2000 and RLE frames is what the same picture holds uncompressed',
  async () => {
    const of = async (name: string) => (await parsedWhole(join(sharedData, realFrames, name))).file;
    const stored = (await of('MR_small.dcm')).dataset.element('PixelData')?.value ?? new Uint8Array(0);
    const expected = Array.from({ length: 64 * 64 }, (_, n) => (stored[2 * n] ?? 0) + 256 * (stored[2 * n + 1] ?? 0));
    for (const name of ['MR_small_jpeg_ls_lossless.dcm', 'MR_small_jp2klossless.dcm', 'MR_small_RLE.dcm']) {
      const { dataset, transferSyntax } = await of(name);
      const [, ...fragments] = dataset.element('PixelData')?.fragments ?? [];
      const record = { ...segmentationRecord('LABELMAP', 16, [64, 64], [{ segment: 0, k: 0 }]), PixelRepresentation: 1 };
      const frames = [new Uint8Array(Buffer.concat(fragments))];
      writeFileSync(at(`real ${name}`), Buffer.concat(encodeDicom(record, { transferSyntax, frames })));
      expect([...(await readLabels(at(`real ${name}`))).volume.data], name).toEqual(expected);
    }
  },
);
