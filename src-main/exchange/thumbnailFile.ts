import { join } from 'node:path';
import type { Project } from '#main/library/index.ts';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Row by row from the top left, one byte a pixel. */
  readonly gray: Uint8Array;
}

/** Where a case's thumbnail lies, as a binary PGM (netpbm P5). */
export function thumbnailFile(project: Project, caseId: string): string {
  return join(project.paths.case(caseId), 'thumbnail.pgm');
}

export function encodePicture({ width, height, gray }: Picture): Uint8Array {
  return Buffer.concat([Buffer.from(`P5\n${String(width)} ${String(height)}\n255\n`, 'latin1'), gray]);
}

/** Null for what is no picture. */
export function decodePicture(bytes: Buffer | null): Picture | null {
  const header = /^P5\n(\d{1,4}) (\d{1,4})\n255\n/.exec(bytes?.toString('latin1', 0, 24) ?? '');
  if (bytes === null || header === null) return null;
  const [width, height] = [Number(header[1]), Number(header[2])];
  const gray = bytes.subarray(header[0].length);
  return gray.length === width * height ? { width, height, gray: new Uint8Array(gray) } : null;
}
