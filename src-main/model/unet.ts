import type { Value } from '#main/engine/graph/graph.ts';
import type { ModelBuilder } from './modelBuilder.ts';

/** A plain 3D U-Net (two convolutions a level, strided downsampling, trilinear upsampling), for comparison. x (B,C,D,H,W) → (B,out,D,H,W). */
export function unet(m: ModelBuilder, x: Value, name: string, dims: readonly number[], out: number): Value {
  const block = (y: Value, scope: string, width: number, stride: number): Value => {
    const first = m.convolutionNorm(y, `${scope}.0.conv`, `${scope}.0.norm`, 1, { out: width, kernel: 3, stride }, 'leakyRelu');
    return m.convolutionNorm(first, `${scope}.1.conv`, `${scope}.1.norm`, 1, { out: width, kernel: 3 }, 'leakyRelu');
  };
  const skips: Value[] = [];
  let y = x;
  dims.forEach((width, level) => {
    y = block(y, `${name}.down.${level}`, width, level === 0 ? 1 : 2);
    skips.push(y);
  });
  for (let level = dims.length - 2; level >= 0; level--) {
    const grown = m.graph.apply('upsample2', {}, [y], `${name}.up.${level}`);
    y = block(
      m.graph.apply('concatChannels', {}, [skips[level] as Value, grown], `${name}.up.${level}`),
      `${name}.up.${level}`,
      dims[level] ?? out,
      1,
    );
  }
  return m.convolutionNorm(y, `${name}.out.conv`, `${name}.out.norm`, 1, { out, kernel: 3 }, 'leakyRelu');
}
