import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VoxelArray } from '#shared/geometry/grid.ts';
import { invalidFile, unsupportedFile } from '../failure.ts';
import { uids } from './dictionary.ts';
import { encodeDicom } from './encode.ts';
import type { PixelFormat } from './pixels.ts';

/** Transfer syntaxes that GDCM decodes exactly (or as its lossy stream says). */
const decodable: readonly string[] = [
  uids.rle,
  '1.2.840.10008.1.2.4.50',
  '1.2.840.10008.1.2.4.51',
  '1.2.840.10008.1.2.4.57',
  '1.2.840.10008.1.2.4.70',
  '1.2.840.10008.1.2.4.80',
  '1.2.840.10008.1.2.4.81',
  '1.2.840.10008.1.2.4.90',
  '1.2.840.10008.1.2.4.91',
];

/**
 * Decodes compressed frames of one size and syntax by GDCM (WebAssembly). The frames travel in a new multi-frame file that holds the pixel
 * description alone, so that neither the original's other attributes nor its rescale reach the decoder: what returns are stored values.
 * That file lies in the decoder's memory: on disk it would outlive a worker that is ended.
 * Throws `unsupported` on other syntaxes, `invalid-file` where decoding fails. Only for workers: it blocks.
 */
export async function decodeFrames(
  path: string,
  transferSyntax: string,
  frames: readonly Uint8Array[],
  format: PixelFormat,
): Promise<VoxelArray> {
  if (!decodable.includes(transferSyntax))
    throw unsupportedFile(path, `is compressed in a way that is not read here (transfer syntax ${transferSyntax.slice(0, 64)}).`);
  const pieces = encodeDicom(
    {
      SOPClassUID: format.bitsAllocated === 8 ? uids.multiFrameByteSecondaryCapture : uids.multiFrameWordSecondaryCapture,
      SOPInstanceUID: '2.25.1',
      Modality: 'OT',
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
      NumberOfFrames: frames.length,
      Rows: format.rows,
      Columns: format.columns,
      BitsAllocated: format.bitsAllocated,
      BitsStored: format.bitsStored,
      HighBit: format.highBit,
      PixelRepresentation: format.isSigned ? 1 : 0,
    },
    { transferSyntax, frames },
  );
  // Loaded only now: it takes a worker longer to load than most files take to read.
  const { InterfaceTypes, runPipelineNode } = await import('itk-wasm');
  const file = 'frames.dcm';
  const { outputs } = await runPipelineNode(
    join(dirname(fileURLToPath(import.meta.resolve('@itk-wasm/image-io'))), 'pipelines', 'gdcm-read-image'),
    [file, '0', '1', '--memory-io'],
    [{ type: InterfaceTypes.JsonCompatible }, { type: InterfaceTypes.Image }],
    [{ type: InterfaceTypes.BinaryFile, data: { path: file, data: Buffer.concat(pieces) } }],
  ).catch((error: unknown) => {
    throw invalidFile(path, 'holds compressed pixels that cannot be decoded.', error);
  });
  const image: unknown = outputs[1]?.data;
  const data: unknown = typeof image === 'object' && image !== null && 'data' in image ? image.data : undefined;
  if (!isVoxels(data) || data.length !== frames.length * format.rows * format.columns)
    throw invalidFile(path, 'holds compressed pixels that cannot be decoded.');
  return data;
}

function isVoxels(data: unknown): data is VoxelArray {
  return ArrayBuffer.isView(data) && !(data instanceof DataView) && !(data instanceof BigInt64Array) && !(data instanceof BigUint64Array);
}
