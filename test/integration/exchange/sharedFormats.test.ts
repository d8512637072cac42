import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neverCancelled } from '#shared/base/cancellation.ts';
import { ignoreProgress } from '#shared/base/progress.ts';
import { lossesOf } from '#shared/domain/overlap.ts';
import { carryOut, importCases, importTarget } from '#main/exchange/importCases.ts';
import { planImport } from '#main/exchange/plan/planImport.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { imageStem } from '#main/imageio/endings.ts';
import { readImage } from '#main/imageio/readImage.ts';
import {
  createProject,
  getCase,
  getLabelSet,
  imagePaths,
  latestMaskRevision,
  listCases,
  listImages,
  type Project,
} from '#main/library/index.ts';
import { writeSeveral } from '#test/support/severalVolumes.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';

/** Made with nibabel and pydicom by countFormats.py beside it. */
const expected = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/expected/formats.json'), 'utf8')) as Record<
  string,
  {
    readonly cases: number;
    /** Files of masks. */
    readonly masks: number;
    /** Volumes of 4-D files. */
    readonly volumes: Readonly<Record<string, number>>;
    /** The sum of each volume's intensities. */
    readonly sums: Readonly<Record<string, readonly number[]>>;
    /** Of each label, what overlaps counted for every one. */
    readonly voxels: Readonly<Record<string, number>>;
    /** Of contours: at least, at most. */
    readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  }
>;

/** By the names of the cases. */
async function sumsOfVolumes(project: Project): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const record of listImages(project.read)) {
    const { data } = (await readImage(imagePaths(project.paths, record))).volume;
    let sum = 0;
    for (const x of data) sum += Number(x);
    sums.set(getCase(project.read, record.caseId)?.name ?? '', sum);
  }
  return sums;
}

describe('odd and compressed files come in as nibabel and pydicom count them', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'logonet-formats-'));
  });
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  for (const [name, wanted] of Object.entries(expected))
    it.skipIf(!hasSharedData('formats', name))(name, { timeout: 600_000 }, async () => {
      const folder = join(sharedData, 'formats', name);
      const project = createProject(join(root, name), { name, labelSet: { labels: [] }, author: 'test' });
      try {
        const options = { cancellation: neverCancelled, report: ignoreProgress };
        const plan = await planImport([folder], importTarget(project, neverCancelled), { ...options, volume: 'each' });
        expect(Object.fromEntries(plan.several.map(({ path, count }) => [basename(path), count]))).toEqual(wanted.volumes);
        // Every file stands in the plan.
        const said = new Set([
          ...plan.cases.flatMap(({ images, mask }) => [
            ...images.flatMap(({ paths }) => paths),
            ...(mask?.parts.flatMap(({ paths }) => paths) ?? []),
          ]),
          ...plan.duplicates.map(({ path }) => path),
          ...plan.skipped.map(({ path }) => path),
          ...plan.aside,
        ]);
        expect((await filesBelow(folder)).filter((path) => !said.has(path))).toEqual([]);
        const volumes = Object.values(wanted.volumes).reduce((sum, count) => sum + count, 0);
        const masks = plan.cases.flatMap(({ mask }) => mask?.parts ?? []).length;
        expect([plan.cases.length, masks]).toEqual([wanted.cases + volumes, wanted.masks]);
        const { added } = await carryOut(project, plan, { mode: 'copy', ...options });
        expect(added).toHaveLength(plan.cases.length);
        const sums = await sumsOfVolumes(project);
        for (const [file, each] of Object.entries(wanted.sums))
          for (const [n, sum] of each.entries())
            expect(sums.get(`${imageStem(file)} volume ${n + 1}`), `${file} ${n + 1}`).toBeCloseTo(sum, sum > 1e6 && sum % 1 !== 0 ? 0 : 3);
        const voxels: Record<string, number> = {};
        const count = (label: string, more: number): void => {
          voxels[label] = (voxels[label] ?? 0) + more;
        };
        const sourceOf = (key: string): string => {
          const label = plan.labels.find((each) => each.key === key);
          return label?.name ?? String(label?.values[0] ?? key);
        };
        const labels = getLabelSet(project.read).labels;
        for (const { id } of listCases(project.read, { limit: 1000 }).cases)
          for (const [value, kept] of Object.entries(latestMaskRevision(project.read, id)?.voxels ?? {})) {
            const target = labels.find((label) => label.value === Number(value))?.name;
            count(sourceOf(plan.labels.find((label) => label.target === target)?.key ?? value), kept);
          }
        for (const { mask } of plan.cases)
          for (const { label, voxels: lost } of lossesOf(mask?.overlaps ?? [], plan.overlapOrder)) count(sourceOf(label), lost);
        for (const [label, [least, most]] of Object.entries(wanted.ranges)) {
          expect(voxels[label], label).toBeGreaterThan(least - 1);
          expect(voxels[label], label).toBeLessThan(most + 1);
          voxels[label] = 0;
        }
        const none = Object.fromEntries(Object.keys(wanted.ranges).map((label) => [label, 0]));
        expect(voxels).toEqual({ ...wanted.voxels, ...none });
      } finally {
        project.close();
      }
    });

  for (const ending of ['nrrd', 'seq.nrrd', 'itk.nrrd', 'nhdr', 'mha', 'mhd'])
    it.skipIf(!hasSharedData('formats', 'four-d'))(`its 4-D files as ${ending}`, { timeout: 600_000 }, async () => {
      const folder = join(root, `four-d-${ending}`);
      mkdirSync(folder);
      for (const [file, sums] of Object.entries(expected['four-d']?.sums ?? {})) {
        // The voxels as they lie in the file, and its grid.
        const path = join(sharedData, 'formats', 'four-d', file);
        const { grid } = (await readImage(path, { volume: 1 })).volume;
        const bytes = gunzipSync(readFileSync(path));
        const voxels = new Int16Array(bytes.buffer.slice(bytes.byteOffset + bytes.readFloatLE(108), bytes.byteOffset + bytes.length));
        const each = voxels.length / sums.length;
        await writeSeveral(
          join(folder, `${imageStem(file)}.${ending}`),
          sums.map((_, n) => ({ grid, data: voxels.slice(n * each, (n + 1) * each) })),
        );
      }
      const project = createProject(join(root, `project-${ending}`), { name: ending, labelSet: { labels: [] }, author: 'test' });
      try {
        await importCases(project, [folder], { mode: 'copy', volume: 'each', cancellation: neverCancelled, report: ignoreProgress });
        const found = [...(await sumsOfVolumes(project)).values()].sort((a, b) => a - b);
        expect(found).toEqual(
          Object.values(expected['four-d']?.sums ?? {})
            .flat()
            .sort((a, b) => a - b),
        );
      } finally {
        project.close();
      }
    });
});
