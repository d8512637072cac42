import type { LabelVolume } from '../geometry/grid.ts';

/** Tells where the run of one label that a voxel lies in ends. Most of a mask is long runs: they are compared four bytes at a time. */
export function runsIn(data: LabelVolume['data']): (at: number) => number {
  const perWord = 4 / data.BYTES_PER_ELEMENT;
  const repeated = perWord === 4 ? 0x01010101 : 0x00010001;
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, Math.floor(data.length / perWord));
  return (start) => {
    const label = data[start] as number;
    let at = start + 1;
    while (at % perWord !== 0 && at < data.length && data[at] === label) at++;
    if (at % perWord === 0) {
      const whole = (label * repeated) >>> 0;
      let word = at / perWord;
      while (word < words.length && words[word] === whole) word++;
      at = word * perWord;
    }
    while (at < data.length && data[at] === label) at++;
    return at;
  };
}
