import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { unfinishedName } from '#main/files/atomicFile.ts';
import { decodeCheckpoint } from '#main/training/checkpoint.ts';
import { logonet, writePhantoms } from '../../support/commandLine.ts';
import type { TrustRow } from '../row.ts';

const steps = 8;
const settings = ['--variant', 'tiny', '--patch', '16x16x32', '--threads', '1', '--steps', String(steps), '--seed', '5', '--validate-every', '4', '--checkpoint-seconds', '0'];

/** Kills the child after `milliseconds` of training; with `inWrite` as soon after that as a checkpoint is being written. */
function killer(work: string, milliseconds: number, inWrite: boolean): (child: ChildProcess) => void {
  return (child) => {
    let begun: number | undefined;
    const watch = setInterval(() => {
      const names = existsSync(work) ? readdirSync(work) : [];
      if (begun === undefined && names.includes('checkpoint.safetensors')) begun = performance.now();
      if (begun === undefined || performance.now() - begun < milliseconds) return;
      if (!inWrite || names.some((name) => unfinishedName.test(name))) child.kill('SIGKILL');
    }, 1);
    child.on('exit', () => clearInterval(watch));
  };
}

/** Three of ten kills fall inside the writing of a checkpoint. A training that comes to its end before its kill counts, and another begins. */
export const row: TrustRow = {
  name: 'training-resume',
  property: 'a training that was killed always has a loadable checkpoint, and ends with the same weights as one that was not',
  count: 100,
  short: 2,
  async run({ count, random, folder }) {
    const { images, labels } = await writePhantoms(folder, [1, 2, 3], 12);
    const begin = (out: string): string[] => ['train', '--images', images, '--labels', labels, '--out', out, ...settings];
    const whole = join(folder, 'whole');
    const reference = await logonet(begin(whole));
    if (reference.code !== 0) return { tried: 0, failures: [`the uninterrupted training failed: ${reference.stderr}`] };
    const expected = readFileSync(join(whole, 'weights.safetensors'));
    const failures: string[] = [];
    let kills = 0;
    let inWrites = 0;
    let completed = 0;
    for (let training = 0; kills < count || completed === 0; training++) {
      const out = join(folder, `training${training}`);
      const work = join(out, 'training');
      for (let attempt = 0; ; attempt++) {
        const inWrite = random.next() < 0.3;
        const stop = kills < count ? killer(work, random.integer(1500), inWrite) : undefined;
        const outcome = await logonet(existsSync(join(work, 'settings.json')) ? ['train', '--out', out, '--resume'] : begin(out), stop);
        if (outcome.code === 0) break;
        if (outcome.signal !== 'SIGKILL') {
          failures.push(`training ${training}, attempt ${attempt}: ${outcome.stderr.trim().split('\n').at(-1)}`);
          return { tried: kills, failures };
        }
        kills++;
        if (inWrite) inWrites++;
        try {
          decodeCheckpoint(readFileSync(join(work, 'checkpoint.safetensors')));
        } catch (error) {
          failures.push(`training ${training}, attempt ${attempt}: the checkpoint cannot be loaded (${String(error)})`);
        }
      }
      completed++;
      if (!readFileSync(join(out, 'weights.safetensors')).equals(expected)) failures.push(`training ${training}: the weights differ from those of the uninterrupted run`);
      rmSync(out, { recursive: true });
    }
    return { tried: kills, failures, note: `${inWrites} kills inside a checkpoint write, ${completed} trainings brought to their end` };
  },
};
