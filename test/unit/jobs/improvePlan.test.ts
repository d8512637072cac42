import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetMinutes, planImprove, scheduleImprove, type ImproveRequest } from '#main/jobs/improvePlan.ts';

const request: ImproveRequest = {
  minutes: 60,
  device: 'CPU, 2 threads',
  trainingCases: 8,
  validationCases: 2,
  unlabelledCases: 60,
  current: null,
  pretrainedCases: 0,
  memoryBytes: null,
};

describe('the plan of an improvement', () => {
  it('pre-trains first where there are unlabelled scans and time, and says why', () => {
    const plan = planImprove(request);
    expect(plan.steps.map(({ phase }) => phase)).toEqual([
      'Cluster the slices of all scans',
      'Pre-train on masked scans',
      'Fine-tune',
      'Compare',
    ]);
    expect(plan.startsFrom).toBe('the pre-trained backbone');
    expect(plan.steps[0]?.reason).toContain('68 scans, 60 of them unlabelled');
    expect(plan.obstacles).toEqual([]);
  });

  it('does not pre-train again unless much was added, nor in a short budget, nor without scans', () => {
    expect(scheduleImprove({ ...request, pretrainedCases: 60 })).toMatchObject({ pretrain: false, startsFrom: 'backbone' });
    expect(scheduleImprove({ ...request, pretrainedCases: 40 })).toMatchObject({ pretrain: true });
    expect(scheduleImprove({ ...request, minutes: 5 })).toMatchObject({ pretrain: false, startsFrom: 'nothing' });
    expect(scheduleImprove({ ...request, unlabelledCases: 3 })).toMatchObject({ pretrain: false });
    expect(scheduleImprove({ ...request, current: { name: 'Model 1' }, minutes: 10 })).toMatchObject({
      pretrain: false,
      startsFrom: 'current',
    });
    expect(scheduleImprove({ ...request, current: { name: 'Model 1' } })).toMatchObject({ pretrain: true, startsFrom: 'backbone' });
  });

  it('spends exactly its budget, whatever there is', () => {
    fc.assert(
      fc.property(
        fc.record({
          minutes: fc.double({ min: 1, max: 1000, noNaN: true }),
          trainingCases: fc.nat(100),
          validationCases: fc.nat(40),
          unlabelledCases: fc.nat(1000),
          pretrainedCases: fc.nat(500),
          current: fc.constantFrom(null, { name: 'm' }),
        }),
        (drawn) => {
          const plan = planImprove({ ...request, ...drawn });
          expect(plan.steps.reduce((sum, { minutes }) => sum + minutes, 0)).toBeCloseTo(drawn.minutes, 6);
          expect(plan.steps.every(({ minutes, reason }) => minutes > 0 && reason.endsWith('.'))).toBe(true);
        },
      ),
      { seed: 1 },
    );
  });

  it('improves a model in use with a case or two, and says that this is not measured', () => {
    for (const trainingCases of [1, 2]) {
      const { obstacles, remarks, steps } = planImprove({
        ...request,
        current: { name: 'Model 1' },
        minutes: 10,
        trainingCases,
        validationCases: 0,
      });
      expect(obstacles).toEqual([]);
      expect(remarks[0]).toContain('Not measured');
      expect(steps.at(-1)?.reason).toBe('No case is held out to compare on.');
      expect(remarks[1]).toContain('slices are left out in turn');
      expect(remarks.some((remark) => remark.startsWith('From ') && remark.includes('expect little'))).toBe(true);
    }
    const { remarks } = planImprove({ ...request, current: { name: 'Model 1' }, minutes: 10 });
    expect(remarks[0]).toContain('a fifth of the training cases do not train');
  });

  it('goes on from an imported model without pre-training, and says what is not known of it', () => {
    const many = { ...request, unlabelledCases: 100, minutes: 540 };
    const plan = planImprove({ ...many, current: { name: 'Organs (nnU-Net)', imported: true } });
    expect(plan.steps.map(({ phase }) => phase)).toEqual(['Fine-tune', 'Compare']);
    expect(plan.startsFrom).toBe('Organs (nnU-Net)');
    expect(plan.remarks).toEqual(
      expect.arrayContaining([expect.stringContaining('What the imported model had learned from is not known')]),
    );
    const anew = planImprove({ ...many, current: { name: 'Organs (nnU-Net)', imported: true, anew: true } });
    expect(anew.startsFrom).toBe('the pre-trained backbone');
    expect(anew.remarks.join()).not.toContain('imported');
  });

  it('names what stands in the way', () => {
    expect(planImprove({ ...request, current: { name: 'Model 1' }, trainingCases: 0, validationCases: 0 }).obstacles[0]).toContain(
      'Accept a case first',
    );
    expect(planImprove({ ...request, trainingCases: 1, validationCases: 0 }).obstacles[0]).toContain(
      'Accept at least 3 cases first (1 so far)',
    );
    expect(planImprove({ ...request, trainingCases: 0, validationCases: 4 }).obstacles[0]).toContain('Every accepted case is held out');
    expect(planImprove({ ...request, trainingCases: 4, validationCases: 0 }).obstacles[0]).toContain('could not be told');
    expect([
      budgetMinutes({ kind: 'quick' }),
      budgetMinutes({ kind: 'overnight' }),
      budgetMinutes({ kind: 'minutes', minutes: 7 }),
    ]).toEqual([10, 540, 7]);
  });
});
