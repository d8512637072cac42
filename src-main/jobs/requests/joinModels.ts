import * as v from 'valibot';
import type { JoinedModelCard } from '#shared/domain/joinedModel.ts';
import { defineRequest } from './request.ts';

const schema = v.object({
  /** Model folders of this program, or nnU-Net result folders, in their order. */
  folders: v.pipe(v.array(v.string()), v.minLength(2)),
  /** Replace a model of the destination. */
  overwrite: v.optional(v.boolean(), false),
});
export type JoinModelsConfig = v.InferOutput<typeof schema>;

export interface JoinModelsResult {
  readonly card: JoinedModelCard;
  /** Of all parts, of one fold each. */
  readonly parameters: number;
}

export const joinModelsRequest = defineRequest<JoinModelsResult>()('join', schema);
