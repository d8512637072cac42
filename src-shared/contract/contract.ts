import { app } from './app.ts';
import type { DeepReadonly, ItemOf, MethodDefinition, Received, Schema, Sent } from './define.ts';
import { devices } from './devices.ts';
import { disk } from './disk.ts';
import { document } from './document.ts';
import { exports } from './exports.ts';
import { files } from './files.ts';
import { history } from './history.ts';
import { images } from './images.ts';
import { jobs } from './jobs.ts';
import { library } from './library.ts';
import { measurements } from './measurements.ts';
import { models } from './models.ts';
import { predictions } from './predictions.ts';
import { problems } from './problems.ts';
import { projects } from './projects.ts';
import { prompts } from './prompts.ts';
import { scans } from './scans.ts';
import { settings } from './settings.ts';
import type { Cancellation } from '../base/cancellation.ts';
import type { ReportProgress } from '../base/progress.ts';

/** All that a window can ask for and be told. */
export const contract = {
  app,
  projects,
  library,
  images,
  document,
  predictions,
  prompts,
  jobs,
  models,
  exports,
  settings,
  devices,
  problems,
  files,
  history,
  disk,
  measurements,
  scans,
} as const;

export type Contract = typeof contract;
export type ServiceName = keyof Contract;
type Methods<S extends ServiceName> = Contract[S]['methods'];
type Events<S extends ServiceName> = Contract[S]['events'];

/** The part of the platform's `AbortSignal` that both sides rely on. */
export interface CancelSignal extends Cancellation {
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What a service may do while it serves a call. */
export interface CallContext<Item> {
  /** Aborted when the caller cancels or goes away. */
  readonly signal: CancelSignal;
  readonly report: ReportProgress;
  /** Streams one item; settles when the connection can take more. */
  readonly send: (item: Item) => Promise<void>;
}

type Handler<Method extends MethodDefinition> = (
  input: Received<Method['input']>,
  context: CallContext<Method extends { readonly item: infer Item extends Schema } ? Sent<Item> : never>,
) => Promise<Sent<Method['output']>> | Sent<Method['output']>;

/** The implementation of one service. */
export type ServiceHandlers<S extends ServiceName> = {
  readonly [M in keyof Methods<S>]: Methods<S>[M] extends MethodDefinition ? Handler<Methods<S>[M]> : never;
};
/** A host may lack single calls; they are answered `unsupported`. */
export type PartialHandlers = { readonly [S in ServiceName]?: Partial<ServiceHandlers<S>> };
export type Handlers = { readonly [S in ServiceName]: ServiceHandlers<S> };

export interface CallOptions<Item = never> {
  readonly signal?: CancelSignal;
  readonly onProgress?: ReportProgress;
  readonly onItem?: (item: Item) => void;
}

type Call<Method extends MethodDefinition> =
  Record<never, never> extends Sent<Method['input']>
    ? (input?: Sent<Method['input']>, options?: CallOptions<ItemOf<Method>>) => Promise<Received<Method['output']>>
    : (input: Sent<Method['input']>, options?: CallOptions<ItemOf<Method>>) => Promise<Received<Method['output']>>;

/** The caller's side of one service. */
export type ServiceClient<S extends ServiceName> = {
  readonly [M in keyof Methods<S>]: Methods<S>[M] extends MethodDefinition ? Call<Methods<S>[M]> : never;
};

/** `'jobs.point'` and the like. */
export type EventName = { [S in ServiceName]: `${S}.${keyof Events<S> & string}` }[ServiceName];
export type EventPayload<Name extends EventName> = Name extends `${infer S extends ServiceName}.${infer E}`
  ? Events<S>[E & keyof Events<S>] extends infer EventSchema extends Schema
    ? Received<EventSchema>
    : never
  : never;

/** Tells every connected window. */
export type Publish = <Name extends EventName>(name: Name, payload: DeepReadonly<EventPayload<Name>>) => void;
