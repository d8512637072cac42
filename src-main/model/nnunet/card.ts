import * as v from 'valibot';

const number = v.pipe(v.number(), v.finite());
const above = v.pipe(number, v.gtValue(0));
const whole = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const triple = <S extends v.GenericSchema>(item: S): v.TupleSchema<[S, S, S], undefined> => v.tuple([item, item, item]);
const perStage = <S extends v.GenericSchema>(item: S) => v.pipe(v.array(item), v.minLength(1), v.maxLength(12));
const text = v.pipe(v.string(), v.maxLength(4096));
const resampling = v.object({ order: v.picklist([1, 3]), orderZ: v.picklist([0, 1]), separateZ: v.nullable(v.boolean()) });
const axis = v.picklist([0, 1, 2]);

const network = v.pipe(
  v.object({
    kind: v.picklist(['plainConvUNet', 'residualEncoderUNet']),
    inChannels: whole(1, 16),
    heads: whole(1, 256),
    features: perStage(whole(1, 4096)),
    kernels: perStage(
      triple(
        v.pipe(
          whole(1, 15),
          v.check((extent) => extent % 2 === 1),
        ),
      ),
    ),
    strides: perStage(triple(whole(1, 8))),
    encoderBlocks: perStage(whole(1, 64)),
    decoderConvolutions: perStage(whole(1, 64)),
    stemFeatures: whole(1, 4096),
    convolutionBias: v.boolean(),
    normEpsilon: above,
    activation: v.picklist(['leakyRelu', 'relu']),
  }),
  v.check(
    ({ features, kernels, strides, encoderBlocks, decoderConvolutions }) =>
      features.length >= 2 &&
      [kernels, strides, encoderBlocks].every(({ length }) => length === features.length) &&
      decoderConvolutions.length === features.length - 1,
  ),
);

/** What `model.json` of an imported model holds (src-shared/domain/importedModel.ts), with bounds against a damaged one. */
export const importedCard = v.pipe(
  v.object({
    format: v.literal(2),
    variant: text,
    network,
    pipeline: v.object({
      orientation: v.picklist(['stored', 'canonical']),
      transpose: v.pipe(
        triple(axis),
        v.check((axes) => new Set(axes).size === 3),
      ),
      spacing: triple(above),
      patch: triple(whole(1, 1024)),
      channels: v.array(
        v.object({
          name: text,
          normalisation: v.variant('scheme', [
            v.object({ scheme: v.literal('zscore'), masked: v.boolean() }),
            v.object({ scheme: v.literal('ct'), low: number, high: number, mean: number, deviation: number }),
            v.object({ scheme: v.literal('none') }),
            v.object({ scheme: v.literal('rescaleTo01') }),
            v.object({ scheme: v.literal('rgbTo01') }),
          ]),
        }),
      ),
      resampleImage: resampling,
      resampleLogits: resampling,
      mirrorAxes: v.pipe(v.array(axis), v.maxLength(3)),
      output: v.object({
        kind: v.picklist(['labels', 'regions']),
        values: v.array(whole(0, 255)),
        members: v.optional(v.array(v.array(whole(1, 255)))),
      }),
    }),
    folds: v.pipe(v.array(v.pipe(v.string(), v.regex(/^fold_(?:\d{1,3}|all)$/))), v.minLength(1), v.maxLength(16)),
    labelSet: v.object({
      labels: v.array(v.object({ value: whole(1, 255), name: text, color: text, locked: v.boolean(), inside: v.optional(v.number()) })),
    }),
    source: v.object({
      kind: v.literal('nnU-Net'),
      dataset: text,
      trainer: text,
      plans: text,
      configuration: text,
      licence: v.nullable(text),
      reference: v.nullable(text),
      checkpoints: v.record(v.string(), v.string()),
    }),
    importedAt: text,
    history: v.optional(
      v.array(
        v.object({
          startedAt: text,
          minutes: number,
          steps: number,
          seed: number,
          cases: number,
          validationDice: v.record(v.string(), number),
          note: v.optional(text),
        }),
      ),
    ),
    parent: v.optional(text),
    datasetHash: v.optional(text),
  }),
  v.check(
    ({ network: { inChannels, heads, strides }, pipeline: { channels, output, patch } }) =>
      channels.length === inChannels &&
      output.values.length === heads &&
      (output.members === undefined || output.members.length === heads) &&
      patch.every((extent, index) => extent % strides.reduce((product, stride) => product * (stride[index] ?? 1), 1) === 0),
  ),
);
