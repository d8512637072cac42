import { modelInfo, variantNames } from '#main/jobs/tasks/modelInfo.ts';
import { defineCommand } from '../command.ts';
import { parseSize } from './shared.ts';

export const modelInfoCommand = defineCommand({
  name: 'model info',
  summary: 'Parameters, operations and memory of a network variant.',
  options: {
    variant: { kind: 'text', help: 'network', choices: variantNames, default: 'normal' },
    classes: { kind: 'integer', help: 'output classes, background included', minimum: 2, maximum: 256, default: 14 },
    size: { kind: 'text', help: 'input in voxels along D, H, W', value: '96x96x96', default: '96x96x96' },
    batch: { kind: 'integer', help: 'patches in a step', minimum: 1, default: 1 },
  },
  async run({ options }) {
    const { parameters, macs, thopGiga, activationBytes } = modelInfo(options.variant, options.classes, parseSize(options.size), options.batch);
    return {
      json: { parameters, macs, thopGiga, activationBytes },
      text: [
        `${options.variant}, ${options.classes} classes, input ${options.size}, batch ${options.batch}`,
        `parameters         ${(parameters / 1e6).toFixed(3)} M`,
        `operations         ${thopGiga.toFixed(3)} G as thop counts them (${(macs / 1e9).toFixed(3)} G multiply-accumulates of convolutions)`,
        `training memory    ${(activationBytes / 2 ** 30).toFixed(2)} GiB of activations and gradients, without recomputation`,
      ].join('\n'),
    };
  },
});
