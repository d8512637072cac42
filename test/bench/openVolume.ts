// Opens a 512 × 512 × 600 int16 .nii.gz of about 150 MB and compares the time with gunzip alone, and the peak memory with the voxels' bytes.
// Run: node test/bench/openVolume.ts [slices]. Every measurement runs in a process of its own; the medians of five are reported.
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGunzip } from 'node:zlib';
import { Random } from '#shared/base/random.ts';
import { readImage } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const own = fileURLToPath(import.meta.url);

function peakBytes(): number {
  return process.platform === 'linux'
    ? Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
    : process.resourceUsage().maxRSS * 1024;
}

async function gunzipAlone(path: string): Promise<void> {
  const gunzip = createReadStream(path, { highWaterMark: 1 << 20 }).pipe(createGunzip({ chunkSize: 1 << 20 }));
  for await (const chunk of gunzip) void chunk;
}

async function generate(path: string, slices: number): Promise<void> {
  const size = [512, 512, slices] as const;
  const data = new Int16Array(size[0] * size[1] * size[2]);
  const random = new Random(1);
  for (let n = 0; n < data.length; n++) data[n] = ((n >> 12) & 0x1ff) - 1024 + (random.uint32() & 0x3f);
  await writeVolume(path, { grid: { size, affine: [0.7, 0, 0, 0, 0, 0.7, 0, 0, 0, 0, 1, 0] }, data });
}

async function child(mode: string, path: string, slices: number): Promise<void> {
  if (mode === '--generate') return generate(path, slices);
  const before = peakBytes();
  const start = performance.now();
  if (mode === '--gunzip') await gunzipAlone(path);
  else if ((await readImage(path)).volume.data.length !== 512 * 512 * slices) throw new Error('the volume is not whole');
  const cpu = process.cpuUsage();
  process.stdout.write(
    JSON.stringify({
      seconds: (performance.now() - start) / 1000,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      peakBytes: peakBytes() - before,
    }),
  );
}

function run(mode: string, path: string, slices: number): Measured {
  const { stdout, status, stderr } = spawnSync(process.execPath, [own, mode, path, String(slices)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout === '' ? { seconds: 0, cpuSeconds: 0, peakBytes: 0 } : (JSON.parse(stdout) as Measured);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function measure(slices: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'logonet-bench-'));
  try {
    const path = join(folder, 'volume.nii.gz');
    run('--generate', path, slices);
    // Alternating, so that what else the machine does falls on both alike; the first pair only warms the disk cache.
    const pairs = Array.from({ length: 6 }, () => ({ gunzip: run('--gunzip', path, slices), open: run('--open', path, slices) })).slice(1);
    const voxelBytes = 512 * 512 * slices * 2;
    const gunzip = median(pairs.map((pair) => pair.gunzip.seconds)),
      open = median(pairs.map((pair) => pair.open.seconds));
    console.log(
      JSON.stringify(
        {
          fileMegabytes: Math.round(statSync(path).size / 1e6),
          voxelMegabytes: Math.round(voxelBytes / 1e6),
          gunzipSeconds: gunzip,
          openSeconds: open,
          cpuRatio: median(pairs.map((pair) => pair.open.cpuSeconds / pair.gunzip.cpuSeconds)),
          timeRatio: median(pairs.map((pair) => pair.open.seconds / pair.gunzip.seconds)),
          peakOverVoxels: median(pairs.map((pair) => pair.open.peakBytes)) / voxelBytes,
        },
        null,
        2,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [mode, path, childSlices] = process.argv.slice(2);
if (mode?.startsWith('--') && path !== undefined) await child(mode, path, Number(childSlices));
else measure(Number(mode ?? 600));
