/** What the services' process and Electron ask of each other beside the contract: small JSON messages over the IPC channel. */
import * as v from 'valibot';

const pickKind = v.picklist(['folder', 'files', 'newFolder']);
export type PickKind = v.InferOutput<typeof pickKind>;

/** From the services' process to Electron. */
export const toElectron = v.variant('type', [
  v.strictObject({ type: v.literal('ready') }),
  v.strictObject({ type: v.literal('quit') }),
  v.strictObject({ type: v.literal('pick'), id: v.number(), kind: pickKind, title: v.string() }),
]);
export type ToElectron = v.InferOutput<typeof toElectron>;

/** From Electron to the services' process. */
export const toServices = v.variant('type', [
  v.strictObject({ type: v.literal('close') }),
  v.strictObject({ type: v.literal('picked'), id: v.number(), paths: v.nullable(v.array(v.string())) }),
  v.strictObject({ type: v.literal('command'), command: v.string() }),
  v.strictObject({ type: v.literal('open'), path: v.string() }),
  /** The window's process crashed; it begins again. */
  v.strictObject({ type: v.literal('windowLost') }),
]);
export type ToServices = v.InferOutput<typeof toServices>;
