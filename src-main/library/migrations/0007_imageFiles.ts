import type { Migration } from './migration.ts';

export const imageFiles: Migration = {
  version: 7,
  name: 'image files',
  sql: `
    -- By what the files are known again: the hash that reading them gives, and their sizes and times when they last had it.
    ALTER TABLE image ADD COLUMN stored_hash TEXT;
    ALTER TABLE image ADD COLUMN file_states TEXT;
    -- A copy of this name may stand for a header with separate voxels, whose hash was another: noted when it is next read.
    UPDATE image SET stored_hash = content_hash WHERE NOT (storage = 'copy' AND paths LIKE '%/image.nii.gz"]');
  `,
};
