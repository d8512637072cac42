/** Installs a package on a copy of this system that vanishes with the process: an overlay in a mount namespace, so that the system itself stays as it is. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Why no package can be installed for a try here; null where one can. */
export function whyNoTrial(): string | null {
  if (process.platform !== 'linux') return 'not Linux';
  for (const program of ['dpkg', 'dpkg-deb', 'unshare']) if (!has(program)) return `no ${program}`;
  const { status } = inTrial('', 'true');
  return status === 0 ? null : 'no overlay of the file system can be mounted (needs root)';
}

const has = (program: string): boolean => ['/usr/bin', '/bin'].some((folder) => existsSync(`${folder}/${program}`));

/** Runs a shell script as root of the copy; `folder` is the same there as here. */
export function inTrial(folder: string, script: string): { readonly status: number | null; readonly output: string } {
  const inside = folder === '' ? '' : `mkdir -p "$T/all${folder}" && mount --bind "${folder}" "$T/all${folder}" &&`;
  const outside = `
    T=$(mktemp -d) && mount -t tmpfs -o size=1g trial "$T" && mkdir "$T/upper" "$T/work" "$T/all" &&
    mount -t overlay overlay -o "lowerdir=/,upperdir=$T/upper,workdir=$T/work" "$T/all" &&
    for each in proc dev sys; do mount --rbind /$each "$T/all/$each" || exit 9; done && ${inside}
    exec chroot "$T/all" /bin/sh -c "$SCRIPT"`;
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', outside], {
    encoding: 'utf8',
    env: { ...process.env, SCRIPT: script },
  });
  return { status, output: `${stdout}${stderr}` };
}
