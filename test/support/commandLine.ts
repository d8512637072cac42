import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makePhantom } from '#shared/domain/phantom.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import type { KillAt } from './killAtCheckpoint.ts';

const main = resolve(import.meta.dirname, '../../src-main/cli/main.ts');
const killer = resolve(import.meta.dirname, 'killAtCheckpoint.ts');

export interface CommandOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command line in a process of its own, which dies at one of its checkpoints where `killAt` says so. */
export function logonet(args: readonly string[], killAt?: KillAt): Promise<CommandOutcome> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, [...(killAt === undefined ? [] : ['--import', pathToFileURL(killer).href]), main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...(killAt !== undefined && { KILL_AT: JSON.stringify(killAt) }) },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.on('error', reject);
    child.on('close', (code, signal) => settle({ code, signal, stdout, stderr }));
  });
}

/** Phantoms as images/ and labels/ under `folder`. */
export async function writePhantoms(
  folder: string,
  seeds: readonly number[],
  resolution: number,
): Promise<{ images: string; labels: string }> {
  const images = join(folder, 'images');
  const labels = join(folder, 'labels');
  mkdirSync(images, { recursive: true });
  mkdirSync(labels, { recursive: true });
  for (const seed of seeds) {
    const phantom = makePhantom({ seed, resolution });
    await writeVolume(join(images, `case_${seed}.nii.gz`), phantom.image);
    await writeVolume(join(labels, `case_${seed}.nii.gz`), phantom.labels);
  }
  return { images, labels };
}
