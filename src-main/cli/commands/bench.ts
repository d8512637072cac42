import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';
import { deviceOptions, figure, textTable } from './shared.ts';
import { memorySize } from '#shared/base/bytes.ts';

const percent = (value: number | null): string => (value === null ? '–' : `${(100 * value).toFixed(0)}%`);

export const benchCommand = defineCommand({
  name: 'bench',
  summary: 'Time kernels, forward passes and training steps of a device.',
  options: {
    repetitions: { kind: 'integer', help: 'runs of each; the best kernel and the median network count', minimum: 1, default: 3 },
    only: { kind: 'text', help: 'leave the rest out', choices: ['kernels', 'networks'] },
    ...deviceOptions,
  },
  async run(command) {
    const { options } = command;
    const only = options.only === 'kernels' || options.only === 'networks' ? options.only : undefined;
    const result = await runHere(
      'bench',
      { device: options.device, threads: options.threads, repetitions: options.repetitions, only },
      command,
    );
    const kernels = result.kernels.map(({ name, pass, milliseconds, gflops, peakFraction }) => [
      `${name}  ${pass}`,
      figure(milliseconds, 2),
      figure(gflops, 0),
      percent(peakFraction),
    ]);
    const networks = result.networks.map(({ variant, pass, size, batch, milliseconds, gflops, peakFraction, memoryBytes }) => [
      `${variant}  ${pass}  ${size.join('×')} batch ${batch}`,
      figure(milliseconds, 0),
      figure(gflops, 0),
      percent(peakFraction),
      memoryBytes === null ? '–' : memorySize(memoryBytes, 2),
    ]);
    const parts = [
      `${result.device}${result.peakGflops === null ? '' : `, multiply-add peak ${result.peakGflops.toFixed(0)} GFLOP/s`}`,
      kernels.length === 0 ? '' : textTable(['', 'ms', 'GFLOP/s', 'of peak'], kernels),
      networks.length === 0 ? '' : textTable(['', 'ms', 'GFLOP/s', 'of peak', 'memory'], networks),
    ];
    return { json: { ...result }, text: parts.filter((part) => part !== '').join('\n\n') };
  },
});
