import { describe, expect, it } from 'vitest';
import type { Executor } from '#main/engine/executors/executor.ts';
import { createReferenceExecutor } from '#main/engine/executors/reference/referenceExecutor.ts';
import { candidateId, candidates, type Candidate } from '#main/engine/executors/webgpu/kernels/candidates.ts';
import { drawInputs, opCases, relativeError, runOp, type OpCase } from '#test/support/opCases.ts';
import { describeOn, softwareDrivers } from '#test/support/softwareVulkan.ts';

const TOLERANCE = 2e-5;
/** Every case takes several minutes of a software driver's compiler; without it, one that goes through most branches. */
const thorough = process.env['LOGONET_SLOW_TESTS'] !== undefined;

function dense(candidate: Candidate, { op, name, attributes }: OpCase): boolean {
  if (!op.startsWith('conv3d') || !('kernel' in attributes) || !('stride' in attributes)) return false;
  if (!thorough && !name.endsWith('3³ odd sizes, batch 2')) return false;
  const stencil = attributes.kernel === 3 && attributes.stride === 1;
  switch (candidate.kind) {
    case 'gemm':
      return true;
    case 'halo':
      return stencil && op !== 'conv3dGradWeight';
    case 'halo weight':
      return stencil && op === 'conv3dGradWeight';
  }
}

describeOn(softwareDrivers, 'ways to compute convolutions with webgpu', (executor) => {
  const reference = createReferenceExecutor();

  for (const candidate of candidates) {
    describe(candidateId(candidate), () => {
      for (const opCase of opCases.filter((each) => dense(candidate, each))) {
        it(`${opCase.name} agrees with reference`, async () => {
          const shared = executor();
          const only: Executor = {
            ...shared,
            prepare: (plan) => shared.prepare(plan, (_class, other) => (other === candidate ? 1 : 1e-12)),
          };
          const data = drawInputs(opCase);
          const expected = await runOp(reference, opCase, data);
          const actual = await runOp(only, opCase, data);
          actual.forEach((output, index) => expect(relativeError(output, expected[index]!)).toBeLessThan(TOLERANCE));
        });
      }
    });
  }
});
