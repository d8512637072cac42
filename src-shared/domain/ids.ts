/** Identifiers are opaque text; the brand keeps one kind from passing for another. They sort by the time they were made. */
declare const kind: unique symbol;
type Id<Name extends string> = string & { readonly [kind]?: Name };

export type CaseId = Id<'case'>;
export type ImageId = Id<'image'>;
export type MaskRevisionId = Id<'mask revision'>;
export type PredictionId = Id<'prediction'>;
export type ModelId = Id<'model'>;
export type JobId = Id<'job'>;

/** An identifier that may stand in a path: letters, digits, '.', '_' and '-', not starting with a sign, at most 128 characters. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
