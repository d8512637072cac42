import type * as v from 'valibot';

/** Any synchronous schema. */
export type Schema = v.GenericSchema<unknown, unknown>;

/** One call of a service. `item`, where given, is what it streams while it runs (chunks of voxels). */
export interface MethodDefinition<Input extends Schema = Schema, Output extends Schema = Schema, Item extends Schema = Schema> {
  readonly input: Input;
  readonly output: Output;
  readonly item?: Item;
  /** It changes the open project: refused where that is open for reading alone. */
  readonly changes?: true;
}

/** Calls that a window makes, and events that it is told. Every type on either side is inferred from these schemas. */
export interface ServiceDefinition {
  readonly methods: Readonly<Record<string, MethodDefinition>>;
  readonly events: Readonly<Record<string, Schema>>;
}

export type ContractDefinition = Readonly<Record<string, ServiceDefinition>>;

/** Keeps the literal types of a service's schemas. */
export function defineService<const Definition extends ServiceDefinition>(definition: Definition): Definition {
  return definition;
}

/** Read-only all the way down; binary data stays what it is. */
export type DeepReadonly<T> = T extends Uint8Array ? T : T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

/** What the sender writes, before defaults are filled in. */
export type Sent<S extends Schema> = DeepReadonly<v.InferInput<S>>;
/** What the receiver reads, after validation. */
export type Received<S extends Schema> = DeepReadonly<v.InferOutput<S>>;
/** The streamed items of a method; `never` where it streams nothing. */
export type ItemOf<Method extends MethodDefinition> = Method extends { readonly item: infer Item extends Schema } ? Received<Item> : never;
