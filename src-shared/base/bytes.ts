const mebibyte = 2 ** 20;
const gibibyte = 2 ** 30;

/** '1.5 GiB', '22.4 MiB': a size in memory or on disk as a person reads it. */
export function memorySize(bytes: number, decimals = 1): string {
  return bytes < gibibyte ? `${(bytes / mebibyte).toFixed(decimals)} MiB` : `${(bytes / gibibyte).toFixed(decimals)} GiB`;
}

/** '0.2 MB', '1.5 GB': a size of files as disks are sold, in powers of ten. */
export function fileSize(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
