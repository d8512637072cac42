import type { Value } from '../../graph/graph.ts';
import type { OpKind } from '../../ops/attributes.ts';
import type { Plan } from '../../plan/plan.ts';
import { elementCount, type HostData } from '../../tensor/tensorType.ts';
import type { Session } from '../executor.ts';
import { HostDataRules } from '../hostData.ts';
import type { NativeOperand, NativeProgram } from './native.ts';

/** What one step of the last run took. */
export interface StepProfile {
  readonly op: OpKind;
  readonly scope: string;
  readonly milliseconds: number;
}

/** A plan in native memory. Calls may overlap: the engine takes them one after the other, in order. */
export class CpuSession implements Session {
  readonly bytes: number;
  readonly #program: NativeProgram;
  readonly #plan: Plan;
  readonly #rules: HostDataRules;
  readonly #operand: (value: Value) => NativeOperand;
  #last: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(program: NativeProgram, plan: Plan, operand: (value: Value) => NativeOperand) {
    this.#program = program;
    this.#plan = plan;
    this.#rules = new HostDataRules(plan.graph);
    this.#operand = operand;
    this.bytes = program.bytes;
  }

  write(value: Value, data: HostData): Promise<void> {
    return this.#inOrder(() => {
      this.#rules.check(value, data);
      return this.#program.write(this.#operand(value), data);
    });
  }

  run(): Promise<void> {
    return this.#inOrder(() => this.#program.run());
  }

  async read(value: Value): Promise<HostData> {
    const { element, shape } = value.type;
    const data = element === 'i32' ? new Int32Array(elementCount(shape)) : new Float32Array(elementCount(shape));
    await this.#inOrder(() => this.#program.read(this.#operand(value), data));
    return data;
  }

  /** Times of the last run's steps, in plan order. */
  profile(): readonly StepProfile[] {
    const times = this.#program.milliseconds();
    return this.#plan.steps.map(({ op, scope }, index) => ({ op, scope, milliseconds: times[index] ?? 0 }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#program.dispose();
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
