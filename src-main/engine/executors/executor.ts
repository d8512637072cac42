import type { Disposable } from '#shared/base/disposable.ts';
import type { Graph, Value } from '../graph/graph.ts';
import type { Plan, PlanTarget } from '../plan/plan.ts';
import type { HostData } from '../tensor/tensorType.ts';

export type ExecutorName = 'reference' | 'cpu' | 'webgpu' | 'tensorflow';

/** Runs plans on one device. Results are deterministic for a device, a thread count and a plan. */
export interface Executor extends Disposable, PlanTarget {
  readonly name: ExecutorName;
  /** For a person: the device, e.g. 'AMD EPYC, 2 threads, AVX2'. */
  readonly description: string;
  /** Why this executor cannot run the graph, in plain words; undefined when it can. */
  unsupported(graph: Graph): string | undefined;
  /** Allocates the plan's arena and compiles its steps. Throws `out-of-memory` when the arena does not fit. */
  prepare(plan: Plan): Promise<Session>;
}

/** A plan made ready on a device: parameters and states live here between runs. */
export interface Session extends Disposable {
  /** Bytes held on the device: arena, parameters, states, scratch. */
  readonly bytes: number;
  /** Host data (contiguous, logical shape) into an input, parameter or state. */
  write(value: Value, data: HostData): Promise<void>;
  /** One run of the whole plan. */
  run(): Promise<void>;
  /** A parameter, state or graph output, as contiguous host data of its logical shape. */
  read(value: Value): Promise<HostData>;
}
