import { expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '#main/training/checkpoint.ts';
import { decodeSafetensors, encodeSafetensors } from '#main/model/safetensors.ts';

const tensor = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });
const checkpoint: Checkpoint = {
  state: { step: 7, seconds: 1.5, rateScale: 1, averageUpdates: 3, best: null, curve: [], alarms: [], signature: 's' },
  weights: new Map([['a', tensor(1, 2, 3)]]),
  moments: new Map([['m/a', tensor(0.1, 0.2, 0.3)]]),
  average: new Map([['a', tensor(1, 2, 4)]]),
};

it('comes back as it was saved', () => {
  expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
});

it('is refused where a byte of its state, names or tensors is another', () => {
  const bytes = encodeCheckpoint(checkpoint);
  const text = Buffer.from(bytes).toString('latin1');
  for (let at = text.indexOf('"state"') + 10; at < bytes.length; at++) {
    const harmed = Uint8Array.from(bytes);
    harmed[at] = (harmed[at] as number) ^ (1 << (at % 8));
    let read: Checkpoint | undefined;
    try {
      read = decodeCheckpoint(harmed);
    } catch (error) {
      expect(error).toMatchObject({ code: 'corrupt', message: expect.stringContaining('start the training again') });
    }
    // A name of the header that nothing is read by, and padding, may be another.
    if (read !== undefined) expect(read).toEqual(checkpoint);
  }
});

it('of version 0.1, without a sum, is taken; a state that cannot be counted with is not', () => {
  const { tensors, metadata } = decodeSafetensors(encodeCheckpoint(checkpoint));
  expect(decodeCheckpoint(encodeSafetensors(tensors, { state: metadata['state'] ?? '' }))).toEqual(checkpoint);
  for (const wrong of [{ step: -1 }, { step: '7' }, { seconds: null }, { curve: 3 }, { best: {} }]) {
    const state = JSON.stringify({ ...checkpoint.state, ...wrong });
    expect(() => decodeCheckpoint(encodeSafetensors(tensors, { state }))).toThrow(/damaged/);
  }
});
