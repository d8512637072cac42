import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCheckpoint } from '#main/training/checkpoint.ts';
import { logonet, writePhantoms } from '../../support/commandLine.ts';
import type { KillAt } from '../../support/killAtCheckpoint.ts';
import type { TrustRow } from '../row.ts';

const steps = 8;
const settings = [
  '--variant',
  'tiny',
  '--patch',
  '16x16x32',
  '--threads',
  '1',
  '--steps',
  String(steps),
  '--seed',
  '5',
  '--validate-every',
  '4',
  '--checkpoint-seconds',
  '0',
];

/** Three of ten kills fall inside the writing of a checkpoint, the others into the step after one. A training that ends before its kill is compared, and another begins. */
export const row: TrustRow = {
  name: 'training-resume',
  property: 'a training that was killed always has a loadable checkpoint, and ends with the same weights as one that was not',
  count: 100,
  short: 2,
  part: 10,
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
        const killAt: KillAt = {
          checkpoint: (attempt === 0 ? 2 : 1) + random.integer(4),
          when: inWrite ? 'writing' : 'saved',
          after: random.integer(60),
        };
        const outcome = await logonet(
          existsSync(join(work, 'settings.json')) ? ['train', '--out', out, '--resume'] : begin(out),
          kills < count ? killAt : undefined,
        );
        // Killed while it cleared its checkpoints away, it had come to its end, too.
        if (outcome.code === 0 || existsSync(join(out, 'model.json'))) break;
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
      if (!readFileSync(join(out, 'weights.safetensors')).equals(expected))
        failures.push(`training ${training}: the weights differ from those of the uninterrupted run`);
      rmSync(out, { recursive: true });
    }
    return { tried: kills, failures, counts: { 'kills inside a checkpoint write': inWrites, 'trainings brought to their end': completed } };
  },
};
