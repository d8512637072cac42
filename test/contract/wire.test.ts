import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { decodeFrame, encodeFrame, requestLimits, responseLimits, type ClientMessage } from '#shared/contract/wire.ts';

const call = (input: unknown): ClientMessage => ({ kind: 'call', id: 7, service: 'library', method: 'list', input });
const through = (input: unknown): unknown => (decodeFrame(encodeFrame(call(input)), responseLimits) as { input: unknown }).input;

const key = fc.string({ maxLength: 8 }).filter((name) => !['__proto__', 'constructor', 'prototype', '$bytes'].includes(name));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.uint8Array({ maxLength: 40 }),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

describe('frames', () => {
  it('carry any message with its binary data unchanged and aligned', () => {
    fc.assert(
      fc.property(value, (input) => {
        expect(through(input)).toEqual(input);
      }),
      { numRuns: 300, seed: 1 },
    );
    const received = through({ one: new Uint8Array([1, 2, 3]), two: [new Uint8Array(5).fill(9)] }) as {
      one: Uint8Array;
      two: [Uint8Array];
    };
    expect([received.one.byteOffset % 8, received.two[0].byteOffset % 8]).toEqual([0, 0]);
  });

  it('are read from any place in memory', () => {
    const frame = encodeFrame(call({ bytes: new Uint8Array([1, 2, 3]) }));
    const shifted = new Uint8Array(frame.length + 3);
    shifted.set(frame, 3);
    expect(decodeFrame(shifted.subarray(3), requestLimits)).toEqual(call({ bytes: new Uint8Array([1, 2, 3]) }));
  });

  it('that are damaged anywhere give a message or a typed error, nothing else', () => {
    const frame = encodeFrame(call({ text: 'liver', bytes: new Uint8Array(20), list: [1, 2, { deep: true }] }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(frame.length),
        (flips, length) => {
          const mutant = frame.slice(0, length);
          for (const [index, byte] of flips) mutant[index] = byte;
          try {
            decodeFrame(mutant, requestLimits);
          } catch (error) {
            expect(error).toBeInstanceOf(StudioError);
          }
        },
      ),
      { numRuns: 2000, seed: 2 },
    );
  });

  const skipped: Record<string, () => Uint8Array> = {
    'a nested bomb': () => encodeFrame(call(JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`))),
    'too many values': () => encodeFrame(call(new Array(requestLimits.values + 1).fill(0))),
    'a prototype key': () => encodeFrame(call(JSON.parse('{"a":{"__proto__":{"admin":true}}}'))),
    'a constructor key': () => encodeFrame(call({ constructor: 1 })),
    'the key of buffers in a message of its own': () => encodeFrame(call({ $bytes: 3 })),
    'a claimed length': () => {
      const frame = encodeFrame(call({}));
      new DataView(frame.buffer).setUint32(4, 0xfffffff0, true);
      return frame;
    },
    nothing: () => new Uint8Array(0),
  };
  for (const [name, make] of Object.entries(skipped)) {
    it(`refuse ${name}`, () => {
      expect(() => decodeFrame(make(), requestLimits)).toThrow(StudioError);
    });
  }
});
