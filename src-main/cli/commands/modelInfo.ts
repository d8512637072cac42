import { blockNames, variantNames } from '#shared/domain/modelCard.ts';
import { runHere } from '#main/jobs/run.ts';
import { defineCommand } from '../command.ts';
import { parseSize } from './shared.ts';
import { memorySize } from '#shared/base/bytes.ts';

export const modelInfoCommand = defineCommand({
  name: 'model info',
  summary: 'Parameters, operations and memory of a network variant.',
  options: {
    variant: { kind: 'text', help: 'network', choices: variantNames, default: 'normal' },
    block: {
      kind: 'text',
      help: "what an encoder's block is: the paper's text, the authors' code, or the usual residual one",
      choices: blockNames,
      default: 'literal',
    },
    classes: { kind: 'integer', help: 'output classes, background included', minimum: 2, maximum: 256, default: 14 },
    channels: { kind: 'integer', help: 'images of a case that go in together', minimum: 1, maximum: 16, default: 1 },
    size: { kind: 'text', help: 'input in voxels along D, H, W', value: '96x96x96', default: '96x96x96' },
    batch: { kind: 'integer', help: 'patches in a step', minimum: 1, default: 1 },
  },
  async run(command) {
    const { options } = command;
    const { parameters, macs, thopGiga, activationBytes } = await runHere(
      'modelInfo',
      {
        variant: options.variant,
        classes: options.classes,
        channels: options.channels,
        block: blockNames.find((each) => each === options.block),
        size: parseSize(options.size),
        batch: options.batch,
      },
      command,
    );
    return {
      json: { parameters, macs, thopGiga, activationBytes },
      text: [
        `${options.variant}${options.block === 'literal' ? '' : ` with ${options.block} blocks`}, ${options.classes} classes, input ${options.channels === 1 ? '' : `${options.channels} × `}${options.size}, batch ${options.batch}`,
        `parameters         ${(parameters / 1e6).toFixed(3)} M`,
        `operations         ${thopGiga.toFixed(3)} G as thop counts them (${(macs / 1e9).toFixed(3)} G multiply-accumulates of convolutions)`,
        `training memory    ${memorySize(activationBytes, 2)} of activations and gradients, without recomputation`,
      ].join('\n'),
    };
  },
});
