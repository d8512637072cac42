import type { Value } from '#main/engine/graph/graph.ts';
import { activation as extents } from '#main/engine/tensor/tensorType.ts';
import type { ModelBuilder } from './modelBuilder.ts';

/** Conv3D 3³ → BatchNorm → GELU → Conv3D 1³: (B,F,D,H,W) → (B,classes,D,H,W). */
export function segmentationHead(m: ModelBuilder, x: Value, classes: number): Value {
  const { c } = extents(x.type);
  const y = m.convolutionNorm(x, 'head.conv', 'head.norm', 1, { out: c, kernel: 3 }, 'gelu');
  return m.convolution(y, 'head.cls', 1, { out: classes, kernel: 1 });
}

/** Alg. 1: (B,F,X,Y,Z) → (B,Z,clusterers,clusters,1): logits per slice along the last axis and clusterer. X must be at least 16. */
export function pretrainHead(m: ModelBuilder, x: Value, clusterers: number, clusters: number): Value {
  const { d: sizeX, h: sizeY, w: sizeZ } = extents(x.type);
  const block = (y: Value, name: string, out: number): Value =>
    m.convolutionNorm(y, `${name}.0`, `${name}.1`, 1, { out, kernel: 3 }, 'gelu');
  const permute = (y: Value, ...axes: [number, number, number, number, number]): Value => m.graph.apply('permute', { axes }, [y], 'head');

  let y = block(block(x, 'head.s1.0', clusterers), 'head.s1.1', clusterers);
  y = permute(y, 0, 3, 2, 1, 4); // (B, Y, X, N, Z)
  y = block(block(y, 'head.s2.0', clusters), 'head.s2.1', clusters);
  y = permute(y, 0, 2, 1, 3, 4); // (B, X, K, N, Z)
  y = block(block(y, 'head.s3.0', Math.floor(sizeX / 16)), 'head.s3.1', 1);
  y = permute(y, 0, 4, 3, 2, 1); // (B, Z, N, K, 1)
  y = m.convolution(block(y, 'head.s4.0', sizeZ), 'head.s4.1', 1, { out: sizeZ, kernel: 1 });
  return m.graph.apply('activation', { kind: 'relu' }, [y], `head.s4 for height ${sizeY}`);
}
