import { must } from '#shared/base/assert.ts';
import { StudioError } from '#shared/base/errors.ts';
import type { GraphBuilder } from '#main/engine/graph/builder.ts';
import type { Value } from '#main/engine/graph/graph.ts';
import { activation as extents } from '#main/engine/tensor/tensorType.ts';
import { buildModel } from '../build.ts';
import { isImported, type StoredImport, type StoredModel } from '../modelFolder.ts';
import type { ParameterSpec } from '../modelBuilder.ts';
import { buildNnunet } from '../nnunet/network.ts';
import { specData, type Weights } from '../weights.ts';
import { instanceOf, lowerNode, OnnxGraph } from './lowering.ts';
import { encoded, integer, joined, message, text, valueInfo } from './protobuf.ts';

/** Of the operations that are written; 18 has Split by number of parts, and runtimes since 2023 know it. */
export const ONNX_OPSET = 18;
const IR_VERSION = 8;
/** What one protocol buffer can hold. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * A model as one ONNX file: input `image` (batch, channels, D, H, W) of network intensities, batch open, output `logits` (batch, heads, D, H, W),
 * folds averaged. What belongs to its use (labels, spacing, intensity rule, channels) is in the file's metadata under `logonet`, as JSON.
 * Throws `unsupported` where the weights are larger than one file can hold.
 */
export function encodeOnnx(model: StoredModel | StoredImport): Uint8Array {
  const graph = new OnnxGraph();
  const logits: string[] = [];
  let shapes: { readonly input: Value; readonly output: Value } | undefined;
  for (const { network, weights, prefix } of networksOf(model)) {
    const { builder, x, logits: output, parameters, states } = network;
    graph.setName(x, 'image');
    const data = new Map([...parameters, ...states].map((spec): [Value, Float32Array] => [spec.value, specData(spec, weights)]));
    for (const node of builder.nodes)
      lowerNode(graph, node, (value, instance) => instanceOf(must(data.get(value), value.name), value, instance), prefix);
    logits.push(graph.name(output));
    shapes ??= { input: x, output };
  }
  const { input, output } = must(shapes, 'network');
  const mean =
    logits.length === 1
      ? must(logits[0], 'logits')
      : graph.add('Mul', [graph.add('Sum', logits), graph.constant([1 / logits.length], 'float')]);
  graph.add('Identity', [mean], {}, 'logits');
  const shape = ({ type }: Value): (number | string)[] => {
    const { c, d, h, w } = extents(type);
    return ['batch', c, d, h, w];
  };
  const content = joined(
    ...graph.nodes,
    text(2, 'network'),
    ...graph.initializers,
    valueInfo(11, 'image', shape(input)),
    valueInfo(12, 'logits', shape(output)),
  );
  const file = joined(
    integer(1, IR_VERSION),
    text(2, 'LoGoNet Studio'),
    message(7, content),
    message(8, joined(text(1, ''), integer(2, ONNX_OPSET))),
    ...Object.entries(metadataOf(model)).map(([key, value]) => message(14, joined(text(1, key), text(2, value)))),
  );
  if (file.length > MOST_BYTES)
    throw new StudioError(
      'unsupported',
      'This model is larger than 2 GB, which one ONNX file cannot hold. Import fewer folds, or export safetensors.',
    );
  return encoded(file);
}

/** What a program needs to use the network, as JSON and as plain text. */
export function metadataOf(model: StoredModel | StoredImport): Record<string, string> {
  const { labelSet } = model.card;
  const labels = labelSet.labels.map(({ value, name }) => ({ value, name }));
  return {
    logonet: JSON.stringify(isImported(model) ? { ...model.card, labels } : { ...model.card, history: undefined, labels }),
    labels: labels.map(({ value, name }) => `${value}: ${name}`).join('\n'),
    weights_sha256: model.weightsHash,
    ...(isImported(model) && { licence: model.card.source.licence ?? 'not stated' }),
  };
}

interface Network {
  readonly builder: GraphBuilder;
  readonly x: Value;
  readonly logits: Value;
  readonly parameters: readonly ParameterSpec[];
  readonly states: readonly ParameterSpec[];
}

/** One network, or one a fold; batch 1 stands for any. */
export function networksOf(
  model: StoredModel | StoredImport,
): { readonly network: Network; readonly weights: Weights; readonly prefix: string }[] {
  if (!isImported(model)) {
    const { architecture, patch } = model.card;
    return [{ network: buildModel(architecture, { batch: 1, size: patch, mode: 'predict' }), weights: model.weights, prefix: '' }];
  }
  const { card } = model;
  return card.folds.map((fold) => {
    const prefix = `${fold}/`;
    const weights = new Map(
      [...model.weights].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])),
    );
    return { network: buildNnunet(card.network, { batch: 1, size: card.pipeline.patch }), weights, prefix };
  });
}
