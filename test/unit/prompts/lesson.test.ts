import { describe, expect, it } from 'vitest';
import { Random } from '#shared/base/random.ts';
import { atOnce } from '#shared/base/steps.ts';
import type { LpsPoint } from '#shared/geometry/grid.ts';
import { learnNow, LessonCases } from '#shared/prompts/learnLesson.ts';
import { lessonOf, type Lesson } from '#shared/prompts/lesson.ts';
import { learnPerceptron, oddsBy, valuesOf } from '#shared/prompts/perceptron.ts';
import type { Prompt } from '#shared/prompts/prompt.ts';
import { placed, proposalOfLabel } from '#shared/prompts/proposal.ts';
import { barredBy } from '#shared/prompts/accept.ts';
import { PromptMemory, proposeNow } from '#shared/prompts/propose.ts';
import { caseAnswerer, pointOut, predictedAnswerer } from '#shared/prompts/reader.ts';
import { freePolicy } from '#shared/segmentation/index.ts';
import { dice, gridOf, phantom, type Ball } from './phantom.ts';

const grid = gridOf([48, 44, 36], [1, 1, 1]);

/** A ball of which only the part towards lower i belongs: where it ends can be learned, not seen. */
function scan(seed: number) {
  const random = new Random(seed);
  const centre: LpsPoint = [24 + random.uniform(-3, 3), 21 + random.uniform(-3, 3), 18 + random.uniform(-2, 2)];
  const ball: Ball = { centre, radii: [13, 9, 9], value: 190 };
  const { image, truth } = phantom(grid, [ball], seed);
  const data = truth(ball).map((value, at) => (at % grid.size[0] <= centre[0] ? value : 0));
  return { image, centre, truth: { grid, data } };
}

function learned(from: number, count: number): Lesson {
  const cases = new LessonCases();
  for (let seed = from; seed < from + count; seed++) cases.add(scan(seed).image, scan(seed).truth);
  return learnNow(cases) as Lesson;
}

const lesson = learned(1, 4);

describe('what accepted cases teach', () => {
  it('finds a structure whose end nobody sees with one click, and takes further clicks', async () => {
    const { image, truth } = scan(20);
    const alone = await pointOut(caseAnswerer(image), truth);
    const taught = await pointOut(caseAnswerer(image, lesson), truth);
    expect((alone[0] as number) + 0.15).toBeLessThan(taught[0] as number);
    expect(taught[0]).toBeGreaterThan(0.8);
    expect(taught[4]).toBeGreaterThan(taught[0] as number);
    const mended = await pointOut(predictedAnswerer(image, { grid, data: new Uint8Array(truth.data.length) }, lesson), truth);
    expect(mended).toEqual(taught); // where nothing is predicted
  });

  it('mends what was predicted, about its own first prompt', () => {
    const { image, truth, centre } = scan(21);
    const part = truth.data.map((value, at) => (at % grid.size[0] <= centre[0] - 6 ? value : 0));
    const before = proposalOfLabel({ grid, data: part }, 1);
    const prompts: Prompt[] = [
      { kind: 'click', positive: true, point: [centre[0] - 8, centre[1], centre[2]] },
      { kind: 'click', positive: true, point: [centre[0] - 3, centre[1], centre[2]] },
    ];
    const of = { image, mask: { grid, data: new Uint8Array(part.length) } };
    const after = (taught: Lesson | null): number => {
      const found = proposeNow(of, { prompts, before, barred: barredBy(freePolicy, 1), lesson: taught });
      return found === null ? 0 : dice(placed(found, grid), truth.data);
    };
    expect(after(lesson)).toBeGreaterThan(after(null));
  });

  it('is worked out once for a structure, whether its prompts are the same or copies', () => {
    const { image, centre } = scan(22);
    const first: Prompt = { kind: 'click', positive: true, point: centre };
    const of = { image, mask: { grid, data: new Uint8Array(image.data.length) } };
    const memory = new PromptMemory();
    const request = { prompts: [first], before: null, barred: barredBy(freePolicy, 1), lesson };
    const before = proposeNow(of, request, memory);
    const further: Prompt = { kind: 'click', positive: false, point: [centre[0] + 9, centre[1], centre[2]] };
    const asked = { ...request, prompts: [structuredClone(first), further], before, lesson: structuredClone(lesson) };
    const own = proposeNow(of, asked, memory);
    expect(own).toEqual(proposeNow(of, { ...asked, prompts: [first, further], lesson }, memory));
  });

  it('is the same from the same cases, and nothing without the structure', () => {
    expect(learned(1, 4)).toEqual(lesson);
    const none = new LessonCases();
    none.add(scan(1).image, { grid, data: new Uint8Array(scan(1).truth.data.length) });
    expect([none.cases, learnNow(none)]).toEqual([0, null]);
  });

  it('is not taken from what is no lesson', () => {
    expect(lessonOf(lesson.values)).toEqual(lesson);
    expect(lessonOf(lesson.values.subarray(1))).toBeNull();
    expect(lessonOf(lesson.values.map((value, at) => (at === 7 ? NaN : value)))).toBeNull();
  });

  it('comes of a network that learns what no single layer can tell', () => {
    const random = new Random(5);
    const count = 1200;
    const rows = Float32Array.from({ length: 2 * count }, () => random.uniform(40, 60));
    const isIn = (row: number): boolean => (rows[2 * row] as number) > 50 !== (rows[2 * row + 1] as number) > 50;
    const targets = Uint8Array.from({ length: count }, (_, row) => (isIn(row) ? 1 : 0));
    const network = atOnce(learnPerceptron({ rows, targets, weights: new Float32Array(count).fill(2) }, [8, 4], 60));
    expect(network.values).toHaveLength(valuesOf([2, 8, 4, 1]));
    const channels = [0, 1].map((n) => Float32Array.from({ length: count }, (_, row) => rows[2 * row + n] as number));
    const odds = new Float32Array(count);
    oddsBy(
      network,
      channels,
      Int32Array.from({ length: count - 1 }, (_, n) => n + 1),
      odds,
    );
    const right = odds.filter((value, row) => value > 0 === isIn(row)).length;
    expect([right / count > 0.93, odds[0]]).toEqual([true, 0]);
  });
});
