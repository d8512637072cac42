import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';
import { deviceOptions } from './shared.ts';

export const verifyGoldenCommand = defineCommand({
  name: 'verify-golden',
  summary: 'Run the step that a golden file records and compare logits, loss and gradients.',
  positionals: { name: 'FILE', minimum: 1, maximum: 1 },
  options: { device: deviceOptions.device },
  async run(command) {
    const { options, positionals } = command;
    const report = await runHere('verifyGolden', { file: positionals[0] ?? '', device: options.device }, command);
    const small = (value: number): string => value.toExponential(2);
    return {
      json: { ...report },
      text: `${report.pass ? 'pass' : 'FAIL'}: largest logit error ${small(report.maxLogitError)}, gradient error median ${small(report.medianGradientError)}, worst ${small(report.worstGradientError)}${report.worstGradientName === '' ? '' : ` (${report.worstGradientName})`}, loss error ${small(report.lossError)}`,
      failed: !report.pass,
    };
  },
});
