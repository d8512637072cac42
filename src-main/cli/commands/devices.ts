import type { CheckedDevice } from '#main/jobs/requests/devices.ts';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';
import { figure, textTable } from './shared.ts';

function lineOf({ id, name, usable, gigaflops, proposed }: CheckedDevice): string[] {
  return [id, name, usable ? 'yes' : 'no', figure(gigaflops, 0), proposed ? 'proposed' : ''];
}

export const devicesCommand = defineCommand({
  name: 'devices',
  summary: 'Find, check and measure every device that can compute, and propose the fastest correct one.',
  options: {
    software: { kind: 'flag', help: 'also check graphics drivers that compute on the processor (slow)' },
    tune: { kind: 'flag', help: 'measure again how each graphics card computes convolutions fastest' },
  },
  async run(command) {
    const { options } = command;
    const devices = await runHere('devices', { software: options.software, tune: options.tune }, command);
    const reasons = devices.filter(({ reason }) => reason !== '').map(({ id, reason }) => `${id}: ${reason}`);
    return {
      json: { devices },
      text: [textTable(['device', 'name', 'usable', 'GFLOP/s', ''], devices.map(lineOf)), ...reasons].join('\n'),
      failed: !devices.some(({ proposed }) => proposed),
    };
  },
});
