import { StudioError } from '#shared/base/errors.ts';
import type { Executor } from '../engine/executors/executor.ts';
import { GraphBuilder } from '../engine/graph/builder.ts';
import { makePlan } from '../engine/plan/makePlan.ts';
import { f32 } from '../engine/tensor/tensorType.ts';
import type { InnerProducts, MakeInnerProducts } from './innerProducts.ts';

/**
 * Inner products on a device of the engine: a 1³ convolution over `dimension` channels whose output channels are the rows and whose
 * voxels are the centres. The rows are the weight as they are; only the centres, far fewer, have to be transposed.
 */
export function engineInnerProducts(executor: Executor): MakeInnerProducts {
  return async (rowCount, centreCount, dimension): Promise<InnerProducts> => {
    const builder = new GraphBuilder();
    const x = builder.input('centres', f32(1, dimension, 1, 1, centreCount));
    const weight = builder.input('rows', f32(1, rowCount, dimension, 1, 1, 1));
    const bias = builder.input('bias', f32(1, rowCount));
    const y = builder.apply(
      'conv3d',
      { kernel: 1, stride: 1, padding: 0, instances: 1, activation: 'none' },
      [x, weight, bias],
      'innerProducts',
    );
    builder.output('products', y);
    const session = await executor.prepare(makePlan(builder.build(), executor));
    await session.write(bias, new Float32Array(rowCount));
    const transposed = new Float32Array(dimension * centreCount);
    return {
      multiply: async (rows, centres) => {
        transpose(centres, centreCount, dimension, transposed);
        await session.write(x, transposed);
        await session.write(weight, rows);
        await session.run();
        const products = await session.read(y);
        if (!(products instanceof Float32Array))
          throw new StudioError('internal', 'Something went wrong inside the application.', { detail: 'float32 expected' });
        return products;
      },
      dispose: () => {
        session.dispose();
      },
    };
  };
}

const TILE = 32;

/** rows×columns → columns×rows, in tiles that stay in the cache. */
function transpose(from: Float32Array, rows: number, columns: number, to: Float32Array): void {
  for (let r0 = 0; r0 < rows; r0 += TILE) {
    const r1 = Math.min(rows, r0 + TILE);
    for (let c0 = 0; c0 < columns; c0 += TILE) {
      const c1 = Math.min(columns, c0 + TILE);
      for (let r = r0; r < r1; r++) for (let c = c0; c < c1; c++) to[c * rows + r] = from[r * columns + c] as number;
    }
  }
}
