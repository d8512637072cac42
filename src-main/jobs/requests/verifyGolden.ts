import * as v from 'valibot';
import { deviceFields } from './fields.ts';
import { defineRequest } from './request.ts';

const schema = v.object({ file: v.string(), ...deviceFields });
export type VerifyGoldenConfig = v.InferOutput<typeof schema>;

export interface VerifyGoldenResult {
  readonly pass: boolean;
  readonly maxLogitError: number;
  /** Relative norm of the difference per parameter tensor whose gradient is not negligible; 0 in eval mode. */
  readonly medianGradientError: number;
  readonly worstGradientError: number;
  readonly worstGradientName: string;
  readonly lossError: number;
  /** Largest absolute difference of BatchNorm running statistics after the step; 0 in eval mode. */
  readonly statisticsError: number;
}

export const verifyGoldenRequest = defineRequest<VerifyGoldenResult>()('verification', schema);
