import { basename } from 'node:path';

const volume = /\.(nii\.gz|nii|nrrd|nhdr|mha|mhd)$/i;
const image = /\.(nii\.gz|nii|nrrd|nhdr|mha|mhd|hdr|img|dcm)$/i;

/** Whether a file's name is that of a volume with its header: NIfTI, NRRD, MetaImage. */
export const isVolumeName = (path: string): boolean => volume.test(path);

/** The ending of an image format, in small letters with its dot; null where the name has none. */
export const imageEnding = (path: string): string | null => image.exec(path)?.[0].toLowerCase() ?? null;

/** A file's name without its folder and the ending of an image format; never empty. */
export const imageStem = (path: string): string => basename(path).replace(image, '') || basename(path);
