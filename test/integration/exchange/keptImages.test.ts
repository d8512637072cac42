import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packProject } from '#main/exchange/carry/packProject.ts';
import { unpackProject } from '#main/exchange/carry/unpackProject.ts';
import { checkCaseImages } from '#main/exchange/caseImages.ts';
import { exportCases } from '#main/exchange/exportCases.ts';
import { describeReferenced, relinkImages } from '#main/exchange/relinkImages.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { everyCase, listImages, openProject } from '#main/library/index.ts';
import { verifyProject } from '#main/project/verifyProject.ts';
import { bring, emptyProject, quietly, size, slabs } from '#test/support/exchange.ts';
import { coarser, incomingImages } from '#test/support/incomingImages.ts';
import { rampVolume } from '#test/support/studio.ts';

const here = incomingImages();
const { at, write } = here;

describe('a project with several images of a case', () => {
  it('is verified, packed, unpacked, relinked and cleaned with all of them', async () => {
    for (const [n, name] of ['a', 'b'].entries()) {
      await write(rampVolume(size, 10 * n + 1), 'imagesTr', `${name}_0000.nii.gz`);
      await write(rampVolume(size, 99), 'imagesTr', `${name}_0001.nii.gz`); // one image of two cases
    }
    await bring(here.project, [join(here.folder, 'in')], { mode: 'reference' });
    const other = emptyProject(join(here.folder, 'copies'));
    await bring(other, [join(here.folder, 'in')]);
    const folders = new Set(listImages(other.read).flatMap(({ paths }) => paths.map((path) => path.split('/')[1])));
    expect([listImages(other.read).length, folders.size]).toEqual([4, 3]);
    other.close();
    expect((await verifyProject(join(here.folder, 'copies'), quietly)).faults).toEqual([]);
    // Moved away: said, found again at the new place, and packed with everything.
    renameSync(join(here.folder, 'in'), join(here.folder, 'moved'));
    expect(await describeReferenced(here.project)).toMatchObject({ images: 4, missing: 4 });
    const relinked = await relinkImages(here.project, join(here.folder, 'in'), join(here.folder, 'moved'), quietly);
    expect([new Set(relinked.relinked).size, relinked.relinked.length, relinked.skipped]).toEqual([2, 4, []]);
    await packProject(here.project, join(here.folder, 'packed.logonet'), quietly);
    await unpackProject(join(here.folder, 'packed.logonet'), join(here.folder, 'unpacked'), quietly);
    const verified = await verifyProject(join(here.folder, 'unpacked'), quietly);
    expect([verified.checked, verified.faults]).toEqual([4, []]);
    // A channel that is something else is noticed like a leading image.
    await writeVolume(join(here.folder, 'moved', 'imagesTr', 'a_0001.nii.gz'), rampVolume(size, 98));
    const [caseA = ''] = everyCase(here.project.read).map(({ id }) => id);
    await expect(checkCaseImages(here.project, caseA, quietly.cancellation)).rejects.toMatchObject({ code: 'changed' });
    here.project.close();
    expect((await verifyProject(join(here.folder, 'project'), quietly)).faults.map(({ subject }) => subject)).toEqual([
      `image 2 of ${caseA}`,
    ]);
    here.project = openProject(join(here.folder, 'project'), { author: 'reader' });
  });

  it('is exported for nnU-Net with every channel by name on the leading voxels, or not at all where a case lacks one', async () => {
    const order = [
      ['a', 'T1', 'FLAIR'],
      ['b', 'FLAIR', 'T1'],
    ] as const;
    for (const [n, [name, ...channels]] of order.entries()) {
      const root = join('sets', name);
      writeFileSync(
        at(root, 'dataset.json'),
        JSON.stringify({ channel_names: { 0: channels[0], 1: channels[1] }, labels: { background: 0, tumour: 1 } }),
      );
      await write(rampVolume(size, 10 * n + 1), root, 'imagesTr', `${name}_0000.nii.gz`);
      await write(coarser(10 * n + 2), root, 'imagesTr', `${name}_0001.nii.gz`);
      await write(slabs([1]), root, 'labelsTr', `${name}.nii.gz`);
    }
    await bring(here.project, [join(here.folder, 'in')], { sameCoordinates: true });
    const caseIds = everyCase(here.project.read).map(({ id }) => id);
    const request = { format: 'nnunet', caseIds, source: 'mask', deidentify: false, overwrite: false, values: 'project' } as const;
    const documents = { frozen: () => Promise.resolve(null) };
    const out = join(here.folder, 'out');
    const { files, failures } = await exportCases({ project: here.project, documents }, { ...request, destination: out }, quietly);
    expect([failures, files.every(({ verified }) => verified), files.length]).toEqual([[], true, 7]);
    expect((JSON.parse(readFileSync(join(out, 'dataset.json'), 'utf8')) as { channel_names: unknown }).channel_names).toEqual({
      0: 'T1',
      1: 'FLAIR',
    });
    const first = async (name: string): Promise<unknown> => {
      const { volume } = await readImage(join(out, 'imagesTr', name));
      return [volume.grid.size, volume.data[0]];
    };
    // b is led by FLAIR: its T1 is the coarser one, brought onto the leading voxels.
    expect(await first('b_0000.nii.gz')).toEqual([size, coarser(12).data[0]]);
    expect(await first('b_0001.nii.gz')).toEqual([size, rampVolume(size, 11).data[0]]);
    await write(rampVolume(size, 77), 'single', 'images', 'c.nii.gz');
    await bring(here.project, [join(here.folder, 'in', 'single')]);
    const all = { ...request, caseIds: everyCase(here.project.read).map(({ id }) => id), destination: join(here.folder, 'other') };
    await expect(exportCases({ project: here.project, documents }, all, quietly)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('which other cases have') as string,
    });
  });
});
