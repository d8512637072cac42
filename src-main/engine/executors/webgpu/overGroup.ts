import type { LoweringContext } from './lowering.ts';

/** How a shader combines one value per thread of its workgroup. */
export interface OverGroup {
  /** Further parameters of the entry point. */
  readonly parameters: string;
  readonly functions: string;
  /** WGSL for the combination of the threads' values, the same in every thread; to be called in uniform control flow, where `t` is the thread. */
  readonly of: (value: string) => string;
}

/**
 * Sum or maximum over a workgroup of so many threads (a power of two) of f32 or vectors of it. With subgroups, whatever their size: one value each, then
 * these in order; the barrier before makes sure that a subgroup whose loops were of different length is together again. Else a tree.
 */
export function overGroup(
  operation: 'sum' | 'max',
  threads: number,
  type: string,
  { subgroups }: Pick<LoweringContext, 'subgroups'>,
): OverGroup {
  const [name, lanes] = [`${operation}OverGroup`, `${operation}Lanes`];
  const both = (a: string, b: string): string => (operation === 'sum' ? `${a} + ${b}` : `max(${a}, ${b})`);
  const memory = `var<workgroup> ${lanes}: array<${type}, ${threads}>;`;
  if (subgroups) {
    return {
      parameters: ', @builtin(subgroup_id) subgroup: u32, @builtin(num_subgroups) subgroups: u32',
      functions: `${memory}
fn ${name}(subgroup: u32, subgroups: u32, value: ${type}) -> ${type} {
  workgroupBarrier();
  let own = ${operation === 'sum' ? 'subgroupAdd' : 'subgroupMax'}(value);
  if (subgroupElect()) { ${lanes}[subgroup] = own; }
  workgroupBarrier();
  var all = ${lanes}[0];
  for (var s = 1u; s < subgroups; s++) { all = ${both('all', `${lanes}[s]`)}; }
  return all;
}`,
      of: (value) => `${name}(subgroup, subgroups, ${value})`,
    };
  }
  return {
    parameters: '',
    functions: `${memory}
fn ${name}(t: u32, value: ${type}) -> ${type} {
  workgroupBarrier();
  ${lanes}[t] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    if (t < half) { ${lanes}[t] = ${both(`${lanes}[t]`, `${lanes}[t + half]`)}; }
    workgroupBarrier();
  }
  return ${lanes}[0];
}`,
    of: (value) => `${name}(t, ${value})`,
  };
}
