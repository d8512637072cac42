import { afterAll, describe, expect, it } from 'vitest';
import { createCpuExecutor, type CpuExecutor, type CpuOptions } from '#main/engine/executors/cpu/cpuExecutor.ts';
import { nativeModule } from '#main/engine/executors/cpu/native.ts';
import { describeConformance } from '#test/support/conformance.ts';
import { drawInputs, opCases, runOp } from '#test/support/opCases.ts';

const made: CpuExecutor[] = [];
function executor(options: CpuOptions): CpuExecutor {
  const created = createCpuExecutor(options);
  made.push(created);
  return created;
}
afterAll(() => {
  for (const one of made) one.dispose();
});

const present = nativeModule().instructionSets();
for (const instructionSet of ['avx512', 'avx2', 'avx2wide', 'baseline'] as const) {
  // Reported as skipped where this CPU lacks it.
  if (!present.includes(instructionSet)) {
    it.skip(`cpu ${instructionSet}: this CPU has no ${instructionSet}`);
    continue;
  }
  const shared = executor({ threads: 2, instructionSet });
  describeConformance(`cpu ${instructionSet}, 2 threads`, () => shared);
}

describe('cpu', () => {
  it('gives the same bits in every run and for every number of threads', async () => {
    const one = executor({ threads: 1 });
    const four = executor({ threads: 4 });
    for (const opCase of opCases) {
      const data = drawInputs(opCase);
      const expected = await runOp(one, opCase, data);
      for (const other of [four, four, one]) expect(await runOp(other, opCase, data), opCase.name).toEqual(expected);
    }
  });

  it('refuses an instruction set that it does not know, in a sentence', () => {
    expect(() => createCpuExecutor({ instructionSet: 'mmx' as 'avx2' })).toThrow(/This CPU has no mmx/);
    expect(() => createCpuExecutor({ threads: 0 })).toThrow(/number of threads/);
  });
});
