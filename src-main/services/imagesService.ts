import { isFileFault } from '#shared/base/errors.ts';
import type { Publish, ServiceHandlers } from '#shared/contract/contract.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { requireRigid } from '#shared/geometry/rigid.ts';
import type { ImageRecord } from '#shared/domain/image.ts';
import { imageIn } from '#main/exchange/caseImages.ts';
import { getCase, listImages, placeImage, placeScan } from '#main/library/index.ts';
import { describeImage } from '#main/project/imageDescription.ts';
import { namedImages, renameImages } from '#main/project/projectImages.ts';
import { streamVoxels } from './voxelStream.ts';
import type { Workbench } from '#main/project/workbench.ts';

/** Null for the leading image, however it is named: it is held once. */
const furtherId = (images: readonly { readonly id: string }[], imageId: string | undefined): string | null =>
  imageId === undefined || images[0]?.id === imageId ? null : imageId;

/** As a list of images shows one. */
export function shownImage({ id, name, modality, placement, scale }: ImageRecord) {
  return { imageId: id, name, modality, placedBy: placement.by, toLeading: placement.toLeading, unit: scale.unit };
}

export function imagesService(workbench: Workbench, publish: Publish): ServiceHandlers<'images'> {
  return {
    open: async ({ caseId, imageId }, { signal, report }) => {
      const session = workbench.require();
      const { project, images } = session;
      const { name } = getCase(project.read, caseId);
      report({ phase: 'Reading the image', fraction: 0 });
      const own = listImages(project.read, caseId);
      const record = imageId === undefined ? own[0] : imageIn(project, caseId, imageId);
      const image = await images.get(caseId, signal, furtherId(own, imageId)).catch(async (error: unknown) => {
        // The refusal matters more than that it can be noted.
        if (isFileFault(error))
          await session.problems.addOnce({ severity: 'error', subject: name, message: error.message, caseId }).catch(() => undefined);
        throw error;
      });
      return {
        caseId,
        name,
        ...describeImage(image, record),
        images: own.map(shownImage),
      };
    },
    read: async ({ caseId, imageId, firstSlice }, context) => {
      const { project, images } = workbench.require();
      const { volume } = await images.get(caseId, context.signal, furtherId(listImages(project.read, caseId), imageId));
      const [ni, nj, nk] = volume.grid.size;
      const slice = Math.min(nk - 1, firstSlice ?? nk >> 1);
      const first = slice * ni * nj * (volume.data.byteLength / voxelCount(volume.grid));
      return streamVoxels(volume.data, context, { first });
    },
    place: ({ caseId, imageId, toLeading }) => {
      const { project, images } = workbench.require();
      const image = imageIn(project, caseId, imageId);
      if (toLeading !== null) requireRigid(toLeading);
      if (image.caseId === caseId) placeImage(project.write, imageId, { by: 'hand', toLeading });
      else placeScan(project.write, caseId, image.caseId, toLeading);
      images.release(caseId);
      workbench.casesChanged([caseId]);
      return {};
    },
    names: () => ({ images: namedImages(workbench.require().project) }),
    rename: ({ from, to }) => {
      const renamed = renameImages(workbench.require().project, from, to);
      workbench.casesChanged(null);
      publish('history.changed', {});
      return renamed;
    },
    close: ({ caseId }) => {
      workbench.current?.images.release(caseId);
      return {};
    },
  };
}
