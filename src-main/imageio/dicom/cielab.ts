/** sRGB to CIE L*a*b* (D65, then adapted to DICOM's D50) and back, as DICOM's RecommendedDisplayCIELabValue codes it: three 16-bit numbers. */

const white = [0.9642, 1, 0.8249] as const;
/** Linear sRGB to XYZ under D50 (Bradford), and its inverse. */
const toXyz = [0.4360747, 0.3850649, 0.1430804, 0.2225045, 0.7168786, 0.0606169, 0.0139322, 0.0971045, 0.7141733] as const;
const fromXyz = [3.1338561, -1.6168667, -0.4906146, -0.9787684, 1.9161415, 0.033454, 0.0719453, -0.2289914, 1.4052427] as const;

type Matrix = readonly [number, number, number, number, number, number, number, number, number];

function times(m: Matrix, [x, y, z]: readonly [number, number, number]): [number, number, number] {
  return [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];
}

/** '#rrggbb' as coded L*, a*, b*. */
export function cieLabFromHex(color: string): [number, number, number] {
  const [r = 0, g = 0, b = 0] = (color.match(/[0-9a-f]{2}/gi) ?? []).map((hex) => {
    const x = parseInt(hex, 16) / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  const [fx, fy, fz] = times(toXyz, [r, g, b]).map((x, n) => {
    const t = x / (white[n] as number);
    return t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116;
  }) as [number, number, number];
  const clamp = (x: number): number => Math.max(0, Math.min(65535, Math.round(x)));
  return [
    clamp(((116 * fy - 16) * 65535) / 100),
    clamp(((500 * (fx - fy) + 128) * 65535) / 255),
    clamp(((200 * (fy - fz) + 128) * 65535) / 255),
  ];
}

/** Coded L*, a*, b* as '#rrggbb'. */
export function hexFromCieLab([l, a, b]: readonly [number, number, number]): string {
  const fy = ((l * 100) / 65535 + 16) / 116,
    fx = fy + ((a * 255) / 65535 - 128) / 500,
    fz = fy - ((b * 255) / 65535 - 128) / 200;
  const xyz = [fx, fy, fz].map((f, n) => (white[n] as number) * (f ** 3 > 216 / 24389 ? f ** 3 : (116 * f - 16) / (24389 / 27))) as [
    number,
    number,
    number,
  ];
  return `#${times(fromXyz, xyz)
    .map((x) => {
      const s = x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
      return Math.max(0, Math.min(255, Math.round(s * 255)))
        .toString(16)
        .padStart(2, '0');
    })
    .join('')}`;
}
