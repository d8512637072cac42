const inBinary = { base: 1024, units: ['KiB', 'MiB', 'GiB'] } as const;
const inDecimal = { base: 1000, units: ['kB', 'MB', 'GB'] } as const;

/** '1.5 GiB', '22.4 MiB', '3.0 KiB': a size in memory or on disk as a person reads it. */
export function memorySize(bytes: number, decimals = 1): string {
  return sizeIn(inBinary, bytes, decimals);
}

/** '0.2 kB', '1.5 GB': a size of files as disks are sold, in powers of ten. */
export function fileSize(bytes: number): string {
  return sizeIn(inDecimal, bytes, 1);
}

function sizeIn({ base, units: [kilo, mega, giga] }: typeof inBinary | typeof inDecimal, bytes: number, decimals: number): string {
  if (bytes < base ** 2) return `${(bytes / base).toFixed(decimals)} ${kilo}`;
  return bytes < base ** 3 ? `${(bytes / base ** 2).toFixed(decimals)} ${mega}` : `${(bytes / base ** 3).toFixed(decimals)} ${giga}`;
}
