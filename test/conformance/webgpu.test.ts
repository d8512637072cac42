import { describeConformance } from '#test/support/conformance.ts';
import { opCases } from '#test/support/opCases.ts';
import { describeOn, lavapipe, softwareDrivers } from '#test/support/softwareVulkan.ts';

/** One case of every operation that sums over a workgroup. */
const summing = opCases.filter(
  ({ op }, index) =>
    /Statistics|layerNormGrad|Loss|diceCross|gradientNorm|conv3dGradWeight/.test(op) &&
    opCases.findIndex((each) => each.op === op) === index,
);

describeOn(softwareDrivers, 'webgpu', (executor) => {
  describeConformance('webgpu', executor);
});
describeOn([lavapipe], 'webgpu with subgroups of eight', (executor) => {
  describeConformance('webgpu', executor, summing);
});
describeOn(
  [lavapipe],
  'webgpu without subgroups',
  (executor) => {
    describeConformance('webgpu', executor, summing);
  },
  { subgroups: false },
);
