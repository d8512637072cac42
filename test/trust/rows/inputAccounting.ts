import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import type { Random } from '#shared/base/random.ts';
import { writeSeveral } from '#test/support/severalVolumes.ts';
import { writeDicomSlices } from '#test/support/dicomSlices.ts';
import { boxIn, writeStructureSet } from '#test/support/structureSets.ts';
import { gridOf } from '#test/support/studio.ts';
import { readMaskFile } from '#main/document/index.ts';
import { carryOut, importTarget } from '#main/exchange/importCases.ts';
import type { ImportPlan } from '#main/exchange/plan/importPlan.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { exportDicomSeg } from '#main/export/exportDicomSeg.ts';
import { exportRtStruct } from '#main/export/exportRtStruct.ts';
import { exportDicomSeries } from '#main/export/exportDicomSeries.ts';
import { exportSegNrrd } from '#main/export/exportNrrd.ts';
import { uids } from '#main/imageio/dicom/dictionary.ts';
import { encodeDicom } from '#main/imageio/dicom/encode.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { createProject, getLabelSet, imagePaths, latestMaskRevision, listImages } from '#main/library/index.ts';
import type { TrustRow } from '../row.ts';

const mostPatients = 5;
const nameOf = (patient: number): string => `patient ${String(patient)}`;
// All lie on the same voxels, so that nothing but the files tells two patients apart.
const grid = gridOf([7, 6, 5]);
const voxels = 7 * 6 * 5;
const volumesOfPatient = 3;
const imageOfPatient = (patient: number, volume = 0) => ({
  grid,
  data: Int16Array.from({ length: voxels }, (_, n) => ((n * 31 + patient * 977 + volume * 101) % 1500) - 700),
});
const maskOf = (value: number, patient: number) => ({
  grid,
  data: Uint8Array.from({ length: voxels }, (_, n) => (n % (patient + 3) === 0 ? value : 0)),
});
const labelOf = (value: number, patient: number) => ({ labels: [{ value, name: nameOf(patient), color: '#808080', locked: false }] });

/** Every second voxel along i. */
function thinned({ grid: { size, affine }, data }: ReturnType<typeof imageOfPatient>): ReturnType<typeof imageOfPatient> {
  const [ni, nj, nk] = size;
  const half = Math.ceil(ni / 2);
  const values = Int16Array.from({ length: half * nj * nk }, (_, n) => data[(n % half) * 2 + ni * Math.floor(n / half)] ?? 0);
  return {
    grid: { size: [half, nj, nk], affine: affine.map((value, n) => (n % 4 === 0 ? 2 * value : value)) as unknown as typeof affine },
    data: values,
  };
}

type Layout = (at: (...parts: string[]) => string, patient: number) => Promise<void>;

/** One patient's files in every layout that people have; a mask holds the patient's own label, under the patient's number or in a file of its name. */
const layouts: readonly Layout[] = [
  async (at, p) => {
    await writeVolume(at('imagesTr', `case_${p}_0000.nii.gz`), imageOfPatient(p));
    await writeVolume(at('labelsTr', `case_${p}.nii.gz`), maskOf(p, p));
  },
  async (at, p) => {
    await writeVolume(at('images', `amos_${String(p).padStart(4, '0')}.nii.gz`), imageOfPatient(p));
    await writeVolume(at('labels', `amos_${String(p).padStart(4, '0')}.nii.gz`), maskOf(p, p));
  },
  async (at, p) => {
    await writeVolume(at('flat', `p${p}.nii`), imageOfPatient(p));
    await writeVolume(at('flat', `p${p}_seg.nii.gz`), maskOf(p, p));
  },
  async (at, p) => {
    await writeVolume(at('total', `s${p}`, 'ct.nii.gz'), imageOfPatient(p));
    await writeVolume(at('total', `s${p}`, 'segmentations', `${nameOf(p)}.nii.gz`), maskOf(1, p));
  },
  async (at, p) => {
    await writeVolume(at('bids', `sub-${p}`, 'anat', 'T1w.nrrd'), imageOfPatient(p));
    await writeVolume(at('bids', 'derivatives', 'manual', `sub-${p}`, 'anat', 'T1w_dseg.nii.gz'), maskOf(p, p));
  },
  async (at, p) => {
    await writeVolume(at('monai', `m${p}.nii.gz`), imageOfPatient(p));
    await writeVolume(at('monai', 'labels', 'final', `m${p}.nii.gz`), maskOf(p, p));
    await writeVolume(at('monai', 'labels', 'original', `m${p}.nii.gz`), maskOf(p, p + 1));
  },
  async (at, p) => {
    const series = await exportDicomSeries(at('dicom', `d${p}`, 'ct'), imageOfPatient(p), { modality: 'CT', name: `patient ${p}` });
    const { source } = await readImage(series);
    await exportDicomSeg(at('dicom', `d${p}`, 'seg.dcm'), maskOf(1, p), labelOf(1, p), source);
  },
  async (at, p) => {
    await exportDicomSeries(at('series', `d${p}`, 'ct'), imageOfPatient(p), { modality: 'MR', name: `patient ${p}` });
    await writeVolume(at('series', `d${p}`, 'contour.nii.gz'), maskOf(p, p));
  },
  async (at, p) => {
    await writeVolume(at('slicer', `v${p}`, 'volume.nrrd'), imageOfPatient(p));
    await exportSegNrrd(at('slicer', `v${p}`, 'Segmentation.seg.nrrd'), maskOf(1, p), labelOf(1, p));
  },
  async (at, p) => {
    const series = await exportDicomSeries(at('therapy', `t${p}`, 'ct'), imageOfPatient(p), { modality: 'CT', name: `planned ${p}` });
    const { source } = await readImage(series);
    await exportRtStruct(at('therapy', `t${p}`, 'structures.dcm'), maskOf(1, p), labelOf(1, p), source);
  },
  // Names nothing: whose it is can only be told by where it lies.
  async (at, p) => {
    const series = await exportDicomSeries(at('drawn', `r${p}`, 'ct'), imageOfPatient(p), { modality: 'CT', name: `drawn ${p}` });
    const { volume } = await readImage(series);
    const named = p % 2 === 0 ? {} : { series: null, frame: null };
    writeStructureSet(at('drawn', `r${p}`, 'rtss'), volume.grid, [{ name: nameOf(p), contours: [boxIn(2, 1, 1, 4, 4)] }], named);
  },
  async (at, p) => {
    const folder = at('discs', `disc${p}`);
    const series = await exportDicomSeries(join(folder, 'dicom', 'pat0'), imageOfPatient(p), { modality: 'CT', name: `disc ${p}` });
    const { source } = await readImage(series);
    await (p % 2 === 0 ? exportDicomSeg : exportRtStruct)(join(folder, 'dicom', 'pat0', 'im99'), maskOf(1, p), labelOf(1, p), source);
    series.forEach((path, n) => {
      renameSync(path, join(dirname(path), `im${n}`));
    });
    const names = [...series.keys(), 99, 100].map((n) => ['DICOM', 'PAT0', `IM${n}`]);
    const directory = { DirectoryRecordSequence: names.map((ReferencedFileID) => ({ ReferencedFileID })) };
    writeFileSync(
      join(folder, 'DICOMDIR'),
      Buffer.concat(encodeDicom({ SOPClassUID: uids.mediaDirectory, SOPInstanceUID: `2.25.9${p}`, FileSetID: 'DISC', ...directory })),
    );
  },
  async (at, p) => {
    await writeSeveral(
      at('fourd', `f${p}.${['nii', 'seq.nrrd', 'mha', 'nhdr', 'nii.gz'][p - 1] ?? ''}`),
      Array.from({ length: volumesOfPatient }, (_, n) => imageOfPatient(p, n)),
    );
    await writeVolume(at('fourd', `f${p}_seg.nii.gz`), maskOf(p, p));
  },
  async (at, p) => {
    for (let n = 0; n < volumesOfPatient; n++) await writeVolume(at('imagesTr', `many_${p}_000${n}.nii.gz`), imageOfPatient(p, n));
    await writeVolume(at('labelsTr', `many_${p}.nii.gz`), maskOf(p, p));
  },
  async (at, p) => {
    for (const [n, name] of ['flair', 't1', 't1ce'].entries())
      await writeVolume(at('brats', `b${p}`, `b${p}_${name}.nii.gz`), imageOfPatient(p, n));
    if (p % 2 === 0) await writeVolume(at('brats', `b${p}`, `b${p}_seg.nii.gz`), maskOf(p, p));
  },
  async (at, p) => {
    await writeSeveral(
      at('msd', 'imagesTr', `m_${p}.nii`),
      Array.from({ length: volumesOfPatient }, (_, n) => imageOfPatient(p, n)),
    );
    await writeVolume(at('msd', 'labelsTr', `m_${p}.nii.gz`), maskOf(p, p));
    const labels = Object.fromEntries(Array.from({ length: mostPatients + 1 }, (_, n) => [nameOf(n + 1), n + 1]));
    writeFileSync(at('msd', 'dataset.json'), JSON.stringify({ modality: { 0: 'FLAIR', 1: 'T1w', 2: 'T2w' }, labels }));
  },
  // Two series of one study and frame of reference, on voxels of their own.
  async (at, p) => {
    for (const n of [0, 1])
      writeDicomSlices(at('study', `s${p}`, `series${n}`), n === 0 ? imageOfPatient(p) : thinned(imageOfPatient(p, n)), (k) => ({
        StudyInstanceUID: `2.25.7${p}`,
        SeriesInstanceUID: `2.25.7${p}.${n}`,
        FrameOfReferenceUID: `2.25.8${p}`,
        SOPInstanceUID: `2.25.7${p}.${n}.${k}`,
      }));
  },
  async (at, p) => writeVolume(at('bare', `img000${p}.mha`), imageOfPatient(p)),
  async (at, p) => writeVolume(at('alone', `x${p}_mask.nii.gz`), maskOf(p, p)),
];

/** What lies about besides: notes, damaged files, links in and out, copies. */
async function clutter(root: string, outside: string, random: Random): Promise<void> {
  const files = await filesBelow(root);
  const some = (): string => files[random.integer(files.length)] ?? root;
  const within = dirname(some());
  const kinds = [
    () => writeFileSync(join(within, 'notes.txt'), 'notes'),
    () => writeFileSync(join(within, 'broken.nii.gz'), readFileSync(some()).subarray(0, 90)),
    () => writeFileSync(join(within, 'odd.xyz'), 'odd'),
    () => writeFileSync(join(within, 'empty.dcm'), ''),
    () => symlinkSync(outside, join(within, 'out.nii.gz')),
    () => symlinkSync(dirname(outside), join(within, 'outside')),
    () => symlinkSync(join(root, 'nowhere'), join(within, 'broken-link')),
    () => symlinkSync(some(), join(root, `link-${String(random.integer(9))}.nii.gz`)),
    () => symlinkSync(root, join(within, 'round')),
    () => cpSync(some(), join(root, `copy-${String(random.integer(9))}.nii.gz`)),
    () =>
      cpSync(within, join(root, `again-${String(random.integer(9))}`), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !path.includes('again-'),
      }),
  ];
  for (let n = 0; n < 4; n++) {
    try {
      kinds[random.integer(kinds.length)]?.();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error; // The name is taken, or the folder was copied into itself.
    }
  }
}

/** A file of several volumes is in a case for each, which is once. */
function accountOf({ cases, duplicates, skipped, aside }: ImportPlan): string[] {
  const volumes = new Set<string>();
  const isFirst = (volume: number | null, path: string): boolean =>
    volume === null || (!volumes.has(path) && volumes.add(path) !== undefined);
  return [
    ...cases.flatMap(({ images, mask }) => [
      ...images.flatMap(({ paths, volume }) => paths.filter((path) => isFirst(volume, path))),
      ...(mask?.parts.flatMap(({ paths }) => paths) ?? []),
    ]),
    ...duplicates.map(({ path }) => path),
    ...skipped.map(({ path }) => path),
    ...aside,
  ];
}

const hashOf = (path: string): string =>
  lstatSync(path).isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'link';

export const row: TrustRow = {
  name: 'input-accounting',
  property: 'every file of a tree is in a case, a duplicate, refused or aside, once; no case merges two patients, no input changes',
  count: 500,
  short: 12,
  part: 50,
  async run({ count, random, folder }) {
    const failures: string[] = [];
    let [files, cases, masks] = [0, 0, 0];
    const outside = join(folder, 'elsewhere', 'outside.nii.gz');
    mkdirSync(dirname(outside));
    await writeVolume(outside, imageOfPatient(99));
    for (let trial = 0; trial < count; trial++) {
      const root = join(folder, `tree-${trial}`);
      const at = (...parts: string[]): string => {
        mkdirSync(join(root, ...parts.slice(0, -1)), { recursive: true });
        return join(root, ...parts);
      };
      const patients = 1 + random.integer(mostPatients);
      const used: number[] = [];
      for (let p = 1; p <= patients; p++) {
        const kind = random.integer(layouts.length);
        used.push(kind);
        await layouts[kind]?.(at, p);
      }
      writeFileSync(at('labels.csv'), Array.from({ length: mostPatients + 1 }, (_, p) => `${p + 1},${nameOf(p + 1)}\n`).join(''));
      await clutter(root, outside, random);
      const fail = (what: string): void => void failures.push(`trial ${trial} (layouts ${used.join(' ')}): ${what}`);
      const before = new Map((await filesBelow(root)).map((path) => [path, hashOf(path)]));
      const project = createProject(join(folder, 'project'), { name: 'tree', labelSet: { labels: [] }, author: 'trust' });
      try {
        const options = { cancellation: neverCancelled, report: ignoreProgress };
        const volume = ([null, 2, 'each', 'channels'] as const)[random.integer(4)] ?? null;
        const joining = {
          volume,
          studies: random.integer(2) === 0,
          sameCoordinates: random.integer(2) === 0,
          numbered: ([null, true, false] as const)[random.integer(3)] ?? null,
        };
        const plan = await planImport([root], importTarget(project, neverCancelled), { ...options, ...joining });
        const given = plan.cases.flatMap(({ images }) =>
          images.flatMap(({ paths, volume }) => paths.map((path) => `${String(volume)} of ${path}`)),
        );
        if (new Set(given).size < given.length) fail('an image is in two cases');
        const accounted = Map.groupBy(accountOf(plan), (path) => path);
        for (const path of before.keys()) {
          const times = accounted.get(path)?.length ?? 0;
          if (times !== 1) fail(`${path.slice(root.length)} is accounted for ${times} times`);
        }
        // What a DICOMDIR names and is not there is said.
        const missed = new Set(plan.skipped.flatMap(({ path, message }) => (message.startsWith('DICOMDIR names it') ? [path] : [])));
        for (const path of accounted.keys())
          if (!before.has(path) && (!missed.has(path) || existsSync(path))) fail(`${path} was not there`);
        if (plan.question === null) {
          const { added, masks: taken } = await carryOut(project, plan, { mode: 'copy', ...options });
          files += before.size;
          cases += added.length;
          masks += taken;
          for (const record of listImages(project.read)) {
            const revision = latestMaskRevision(project.read, record.caseId);
            if (revision === undefined) continue;
            const image = (await readImage(imagePaths(project.paths, record))).volume.data;
            const patient = Array.from({ length: mostPatients }, (_, n) => n + 1).find((p) =>
              Array.from({ length: volumesOfPatient }, (_, n) => imageOfPatient(p, n).data).some((own) =>
                own.every((x, n) => x === image[n]),
              ),
            );
            const { data } = await readMaskFile(project.paths.inside(revision.path));
            const own = getLabelSet(project.read).labels.find(({ name }) => name === nameOf(patient ?? 0))?.value;
            if (data.some((value) => value !== 0 && value !== own))
              fail(
                `the mask of patient ${String(patient)} holds another one's label: ${JSON.stringify(plan.cases.map(({ images, mask }) => [images[0]?.paths[0]?.slice(root.length), mask?.parts.map(({ paths }) => paths[0]?.slice(root.length))]))}`,
              );
          }
        } else if (!plan.labels.some(({ doubt }) => doubt !== null)) fail(`a question without a doubt: ${plan.question}`);
        for (const [path, hash] of before) if (hashOf(path) !== hash) fail(`${path} has changed`);
      } finally {
        project.close();
        rmSync(join(folder, 'project'), { recursive: true, force: true });
        rmSync(root, { recursive: true, force: true });
      }
    }
    return { tried: count, failures, counts: { files, cases, masks } };
  },
};
