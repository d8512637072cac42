import type { Label } from '#shared/domain/labelSet.ts';
import type { Volume } from '#shared/geometry/grid.ts';

export interface SyntheticCase {
  readonly image: Volume<Int16Array>;
  readonly mask: Volume<Uint8Array>;
  readonly prediction: Volume<Uint8Array>;
  readonly uncertainty: Volume<Uint8Array>;
  readonly labels: readonly Label[];
}

interface Organ {
  readonly value: number;
  readonly centre: readonly [number, number, number];
  readonly radii: readonly [number, number, number];
  readonly hounsfield: number;
}

/** A body of ellipsoids in fractions of the volume, CT-like, with the spacing of a clinical scan. */
export function syntheticCase(size: readonly [number, number, number], spacing: readonly [number, number, number]): SyntheticCase {
  const [ni, nj, nk] = size;
  const grid = {
    size,
    affine: [
      spacing[0],
      0,
      0,
      (-ni * spacing[0]) / 2,
      0,
      spacing[1],
      0,
      (-nj * spacing[1]) / 2,
      0,
      0,
      spacing[2],
      (-nk * spacing[2]) / 2,
    ] as const,
  };
  const organs: readonly Organ[] = [
    { value: 1, centre: [0.36, 0.45, 0.6], radii: [0.17, 0.2, 0.2], hounsfield: 115 },
    { value: 2, centre: [0.7, 0.55, 0.62], radii: [0.08, 0.1, 0.13], hounsfield: 130 },
    { value: 3, centre: [0.35, 0.66, 0.4], radii: [0.06, 0.07, 0.14], hounsfield: 150 },
    { value: 4, centre: [0.66, 0.66, 0.4], radii: [0.06, 0.07, 0.14], hounsfield: 152 },
  ];
  const image = new Int16Array(ni * nj * nk);
  const mask = new Uint8Array(image.length);
  const prediction = new Uint8Array(image.length);
  const uncertainty = new Uint8Array(image.length);
  let noise = 12345;
  let at = 0;
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++, at++) {
        noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff;
        const grain = ((noise >> 16) & 63) - 32;
        const body = ((i / ni - 0.5) / 0.45) ** 2 + ((j / nj - 0.52) / 0.38) ** 2;
        let value = body > 1 ? -1000 : body > 0.9 ? -90 : 45;
        for (const organ of organs) {
          const distance = Math.hypot(
            (i / ni - organ.centre[0]) / organ.radii[0],
            (j / nj - organ.centre[1]) / organ.radii[1],
            (k / nk - organ.centre[2]) / organ.radii[2],
          );
          if (distance < 1) {
            value = organ.hounsfield;
            if (organ.value !== 4) mask[at] = organ.value;
          }
          if (distance < 1.06 - 0.1 * (organ.value % 2)) prediction[at] = organ.value;
          if (Math.abs(distance - 1) < 0.15) uncertainty[at] = Math.round(255 * (1 - Math.abs(distance - 1) / 0.15));
        }
        const spine = ((i / ni - 0.5) / 0.05) ** 2 + ((j / nj - 0.8) / 0.05) ** 2;
        if (spine < 1) value = 420 - 150 * spine;
        image[at] = value + (value > -500 ? grain : 0);
      }
    }
  }
  return {
    image: { grid, data: image },
    mask: { grid, data: mask },
    prediction: { grid, data: prediction },
    uncertainty: { grid, data: uncertainty },
    labels: [
      { value: 1, name: 'Liver', color: '#e69f00', locked: false },
      { value: 2, name: 'Spleen', color: '#56b4e9', locked: false },
      { value: 3, name: 'Right kidney', color: '#009e73', locked: false },
      { value: 4, name: 'Left kidney', color: '#cc79a7', locked: false },
    ],
  };
}

/** The same body for sizes whose voxels would take minutes to compute: a quarter of the resolution, each voxel repeated along the axes. */
export function scaledCase(size: readonly [number, number, number], spacing: readonly [number, number, number]): SyntheticCase {
  if (size[0] * size[1] * size[2] < 20_000_000) return syntheticCase(size, spacing);
  const [ni, nj, nk] = size;
  const coarse = [Math.ceil(ni / 4), Math.ceil(nj / 4), Math.ceil(nk / 4)] as const;
  const block = syntheticCase(coarse, spacing);
  const grid = {
    size,
    affine: syntheticCase([ni, nj, 0], spacing).image.grid.affine.with(
      11,
      (-nk * spacing[2]) / 2,
    ) as unknown as typeof block.image.grid.affine,
  };
  const enlarge = <A extends Int16Array | Uint8Array>(data: A, out: A): A => {
    const row = data.slice(0, ni) as A;
    for (let k = 0; k < nk; k++) {
      for (let j = 0; j < nj; j++) {
        const at = ni * (j + nj * k);
        if (j % 4 > 0) out.copyWithin(at, at - ni, at);
        else if (k % 4 > 0) out.copyWithin(at, at - ni * nj, at - ni * nj + ni);
        else {
          const from = coarse[0] * ((j >> 2) + coarse[1] * (k >> 2));
          for (let i = 0; i < ni; i++) row[i] = data[from + (i >> 2)] as number;
          out.set(row as never, at);
        }
      }
    }
    return out;
  };
  const bytes = (data: Uint8Array): Uint8Array => enlarge(data, new Uint8Array(ni * nj * nk));
  return {
    labels: block.labels,
    image: { grid, data: enlarge(block.image.data, new Int16Array(ni * nj * nk)) },
    mask: { grid, data: bytes(block.mask.data) },
    prediction: { grid, data: bytes(block.prediction.data) },
    uncertainty: { grid, data: bytes(block.uncertainty.data) },
  };
}
