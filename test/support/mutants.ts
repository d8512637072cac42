import { gunzipSync, gzipSync } from 'node:zlib';
import type { Random } from '#shared/base/random.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom, type DicomRecord } from '#main/imageio/dicom/encode.ts';
import { encodeMetaImage } from '#main/imageio/metaimage/encodeMetaImage.ts';
import { encodeNifti } from '#main/imageio/nifti/encodeNifti.ts';
import { encodeNrrd } from '#main/imageio/nrrd/encodeNrrd.ts';
import { randomLabels, randomVolume, unevenGrid } from './volumes.ts';

/** Where headers end, roughly: most damage goes there. */
const headerReach = 700;

const extremes = [
  0,
  1,
  -1,
  2,
  127,
  128,
  255,
  256,
  32767,
  -32768,
  65535,
  0x7fffffff,
  -0x80000000,
  0xffffffff,
  1e9,
  NaN,
  Infinity,
  -Infinity,
  1e-300,
  1e300,
];

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

function place(bytes: Uint8Array, random: Random, width = 1): number {
  const reach = random.next() < 0.8 ? Math.min(headerReach, bytes.length) : bytes.length;
  return Math.max(0, Math.min(random.integer(Math.max(1, reach)), bytes.length - width));
}

function withView(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  if (copy.length >= 8) change(new DataView(copy.buffer));
  return copy;
}

const mutations: readonly Mutation[] = [
  // Some bits or bytes.
  (bytes, random) =>
    withView(bytes, (view) => {
      for (let n = 0; n <= random.integer(8); n++) view.setUint8(place(bytes, random), random.integer(256));
    }),
  (bytes, random) =>
    withView(bytes, (view) => {
      const at = place(bytes, random);
      view.setUint8(at, view.getUint8(at) ^ (1 << random.integer(8)));
    }),
  // An extreme number where a number may be.
  (bytes, random) =>
    withView(bytes, (view) => {
      const value = extremes[random.integer(extremes.length)]!,
        little = random.next() < 0.9;
      const at = place(bytes, random, 8) & ~1;
      if (at + 8 > view.byteLength) return;
      switch (random.integer(5)) {
        case 0:
          view.setInt16(at, value, little);
          break;
        case 1:
          view.setInt32(at, value, little);
          break;
        case 2:
          view.setFloat32(at, value, little);
          break;
        case 3:
          view.setFloat64(at, value, little);
          break;
        default:
          view.setBigInt64(at, BigInt(Number.isFinite(value) ? Math.trunc(Math.max(-1e18, Math.min(1e18, value))) : -1), little);
      }
    }),
  // A piece cut off, out, in, or doubled.
  (bytes, random) => bytes.slice(0, random.integer(bytes.length + 1)),
  (bytes, random) => {
    const at = place(bytes, random),
      length = random.integer(64);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return Uint8Array.from([
      ...bytes.subarray(0, at),
      ...Array.from({ length: random.integer(64) }, () => random.integer(256)),
      ...bytes.subarray(at),
    ]);
  },
  (bytes, random) => {
    const at = place(bytes, random),
      length = random.integer(512);
    return Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return bytes.slice().fill(random.next() < 0.5 ? 0 : 255, at, at + random.integer(64));
  },
  // A digit or word of a text header.
  (bytes, random) => {
    const text = Buffer.from(bytes).toString('latin1'),
      end = Math.min(text.length, headerReach);
    const words = [...text.slice(0, end).matchAll(/-?\d+(\.\d+)?/g)];
    const word = words[random.integer(Math.max(1, words.length))];
    if (!word) return bytes.slice(0, -1);
    const other = ['-1', '0', '99999999999', '1e400', 'NaN', '', '2147483648', '4 4 4', '(1,0,0)', '%d'][random.integer(10)]!;
    return new Uint8Array(Buffer.from(text.slice(0, word.index) + other + text.slice(word.index + word[0].length), 'latin1'));
  },
];

/** A damaged copy of a file: up to three mutations, most of them in its header. What is gzipped is damaged inside the compression half of the time. */
export function mutateFile(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b && random.next() < 0.5)
    return new Uint8Array(gzipSync(mutateFile(new Uint8Array(gunzipSync(bytes)), random), { level: 1 }));
  let mutant = bytes;
  for (let n = 0; n <= random.integer(3); n++) mutant = (mutations[random.integer(mutations.length)] as Mutation)(mutant, random);
  return mutant;
}

export interface MutantSeed {
  readonly name: string;
  /** With its dot. */
  readonly extension: string;
  readonly bytes: () => Promise<Uint8Array> | Uint8Array;
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces));
const volume = randomVolume(unevenGrid, 11);
const floats = { grid: unevenGrid, data: Float32Array.from(volume.data) };

const slice: DicomRecord = {
  StudyInstanceUID: '2.25.1',
  SeriesInstanceUID: '2.25.2',
  FrameOfReferenceUID: '2.25.3',
  SOPClassUID: uids.ctImage,
  SOPInstanceUID: '2.25.4',
  Modality: 'CT',
  ImagePositionPatient: [1, 2, 3],
  ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
  PixelSpacing: [0.5, 0.5],
  SamplesPerPixel: 1,
  PhotometricInterpretation: 'MONOCHROME2',
  Rows: 8,
  Columns: 8,
  BitsAllocated: 16,
  BitsStored: 12,
  HighBit: 11,
  PixelRepresentation: 0,
  RescaleSlope: 1,
  RescaleIntercept: -1024,
  PixelData: new Uint8Array(128).fill(3),
};

const segmentation: DicomRecord = {
  ...slice,
  SOPClassUID: uids.segmentation,
  Modality: 'SEG',
  BitsAllocated: 1,
  BitsStored: 1,
  HighBit: 0,
  SegmentationType: 'BINARY',
  NumberOfFrames: 2,
  PixelData: new Uint8Array(16).fill(0x5a),
  SegmentSequence: [{ SegmentNumber: 1, SegmentLabel: 'Liver', RecommendedDisplayCIELabValue: [1, 2, 3] }],
  SharedFunctionalGroupsSequence: [
    {
      PixelMeasuresSequence: [{ PixelSpacing: [0.5, 0.5], SpacingBetweenSlices: 2 }],
      PlaneOrientationSequence: [{ ImageOrientationPatient: [1, 0, 0, 0, 1, 0] }],
    },
  ],
  PerFrameFunctionalGroupsSequence: [0, 2].map((z) => ({
    PlanePositionSequence: [{ ImagePositionPatient: [0, 0, z] }],
    SegmentIdentificationSequence: [{ ReferencedSegmentNumber: 1 }],
  })),
};

/** Small sound files of every format and trait that readers treat specially. */
export const mutantSeeds: readonly MutantSeed[] = [
  { name: 'NIfTI-1', extension: '.nii', bytes: () => joined(encodeNifti(volume)) },
  { name: 'NIfTI-1 of floats', extension: '.nii', bytes: () => joined(encodeNifti(floats)) },
  { name: 'NIfTI-1 gzipped', extension: '.nii.gz', bytes: () => new Uint8Array(gzipSync(joined(encodeNifti(volume)))) },
  {
    name: 'NIfTI-2',
    extension: '.nii',
    bytes: () => joined(encodeNifti({ grid: { size: [32768, 1, 1], affine: unevenGrid.affine }, data: new Uint8Array(32768) })),
  },
  { name: 'NRRD', extension: '.nrrd', bytes: async () => joined(await encodeNrrd(volume)) },
  {
    name: 'NRRD of segments',
    extension: '.seg.nrrd',
    bytes: async () => joined(await encodeNrrd(randomLabels(unevenGrid, 2), [{ value: 1, name: 'a', color: '#ff0000' }])),
  },
  {
    name: 'NRRD, raw',
    extension: '.nrrd',
    bytes: () =>
      joined([
        Buffer.from(
          'NRRD0004\ntype: short\ndimension: 3\nspace: LPS\nsizes: 5 4 3\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nendian: big\nencoding: raw\nbyte skip: -1\n\n',
        ),
        new Uint8Array(volume.data.buffer),
      ]),
  },
  { name: 'MetaImage', extension: '.mha', bytes: async () => joined(await encodeMetaImage(volume)) },
  { name: 'DICOM slice', extension: '.dcm', bytes: () => joined(encodeDicom(slice)) },
  {
    name: 'DICOM compressed (RLE)',
    extension: '.dcm',
    bytes: () =>
      joined(encodeDicom({ ...slice, PixelData: undefined }, { transferSyntax: uids.rle, frames: [new Uint8Array(200).fill(2)] })),
  },
  { name: 'DICOM SEG', extension: '.dcm', bytes: () => joined(encodeDicom(segmentation)) },
];
