import type { ServiceHandlers } from '#shared/contract/contract.ts';
import { voxelCount } from '#shared/geometry/grid.ts';
import { getCase } from '#main/library/index.ts';
import { elementTypeOf } from '#main/imageio/elements.ts';
import { intensitiesOf, windowsFor } from './imageDescription.ts';
import { streamVoxels } from './voxelStream.ts';
import type { Workbench } from './workbench.ts';

export function imagesService(workbench: Workbench): ServiceHandlers<'images'> {
  return {
    open: async ({ caseId }, { signal, report }) => {
      const { project, images } = workbench.require();
      const { name } = getCase(project.read, caseId);
      report({ phase: 'Reading the image', fraction: 0 });
      const { volume, modality, warnings } = await images.get(caseId, signal);
      const intensities = intensitiesOf(volume.data);
      return {
        caseId, name, modality, grid: volume.grid, voxelType: elementTypeOf(volume.data), byteLength: volume.data.byteLength,
        slope: 1, intercept: 0, range: intensities.range, windows: windowsFor(modality, intensities), warnings: warnings.slice(0, 100),
      };
    },
    read: async ({ caseId, firstSlice }, context) => {
      const { volume } = await workbench.require().images.get(caseId, context.signal);
      const [ni, nj, nk] = volume.grid.size;
      const slice = Math.min(nk - 1, firstSlice ?? nk >> 1);
      const first = slice * ni * nj * (volume.data.byteLength / voxelCount(volume.grid));
      return streamVoxels(volume.data, context, { first });
    },
    close: ({ caseId }) => {
      workbench.current?.images.release(caseId);
      return {};
    },
  };
}
