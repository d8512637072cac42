import { readFile } from 'node:fs/promises';
import { csvLine } from '#main/files/csv.ts';
import { writePieces } from '#main/imageio/writePieces.ts';
import type { LabelVolumeRow } from './labelVolumes.ts';
import { exportFailed } from './verify.ts';

export interface CaseVolumes {
  /** What the case is called in the table; an anonymous name unless identities were asked for. */
  readonly caseName: string;
  readonly rows: readonly LabelVolumeRow[];
}

/** Writes a table `case,label,name,voxels,volume_ml` (UTF-8, RFC 4180), a line for every case and label. Throws `io` or `disk-full`. */
export async function exportVolumesCsv(path: string, cases: readonly CaseVolumes[]): Promise<void> {
  const lines = cases.flatMap(({ caseName, rows }) =>
    rows.map(({ value, name, voxels, millilitres }) => csvLine([caseName, value, name, voxels, millilitres.toFixed(4)])),
  );
  const text = `${['case,label,name,voxels,volume_ml', ...lines].join('\r\n')}\r\n`;
  await writePieces(path, [new TextEncoder().encode(text)], {
    check: async (temporary) => {
      if ((await readFile(temporary, 'utf8')) !== text) throw exportFailed(path, 'the table differs');
    },
  });
}
