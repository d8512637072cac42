/** The last part of a path of any system. */
export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

/** A name as a part of a file's name that every system takes; empty where nothing is left of it. */
export function plainFileName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._-]+/gu, '_')
    .replace(/^\.+/, '_')
    .slice(0, 100);
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(plain) ? `_${plain}` : plain; // Devices on Windows, whatever the ending.
}

/** What the file of a packed project is called. */
export function packedName(project: string): string {
  return `${plainFileName(project) || 'project'}.logonet`;
}
