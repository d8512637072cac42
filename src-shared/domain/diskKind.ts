/** What a project's files on disk are for. */
export const diskKinds = [
  'images',
  'masks',
  'predictions',
  'models',
  'prepared',
  'jobs',
  'backups',
  'damaged',
  'exports',
  'library',
  'other',
] as const;
export type DiskKind = (typeof diskKinds)[number];
