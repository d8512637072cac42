import { describe, expect, it } from 'vitest';
import { fastest, withChoice, type DeviceReport } from '#main/engine/devices/deviceReport.ts';

function report(id: string, more: Partial<DeviceReport> = {}): DeviceReport {
  return {
    id,
    name: id,
    executor: 'webgpu',
    software: false,
    usable: true,
    reason: '',
    memoryBytes: null,
    correct: true,
    gigaflops: 100,
    proposed: false,
    chosen: false,
    ...more,
  };
}

describe('choosing a device', () => {
  const cpu = report('cpu', { executor: 'cpu', gigaflops: 50 });

  it('proposes the fastest correct one', () => {
    expect(fastest([cpu, report('slow', { gigaflops: 10 }), report('fast', { gigaflops: 900 })])?.id).toBe('fast');
  });

  it('never proposes a wrong, unusable, unchecked, half-precise or software device, however fast', () => {
    const others = [
      report('webgpu:card+half'),
      report('wrong', { correct: false }),
      report('broken', { usable: false }),
      report('unchecked', { correct: null }),
      report('software', { software: true }),
    ];
    expect(fastest([...others, cpu])?.id).toBe('cpu');
    expect(fastest(others)).toBeUndefined();
  });

  it('chooses what the person wants where it works, else the proposed one', () => {
    const reports = [cpu, report('fast'), report('broken', { usable: false })];
    expect(withChoice(reports, 'cpu').find(({ chosen }) => chosen)?.id).toBe('cpu');
    expect(withChoice(reports, 'broken').find(({ chosen }) => chosen)?.id).toBe('fast');
    expect(withChoice([...reports, report('webgpu:card+half')], 'webgpu:card+half').find(({ chosen }) => chosen)?.id).toBe(
      'webgpu:card+half',
    );
    expect(
      withChoice(reports, 'auto')
        .filter(({ proposed }) => proposed)
        .map(({ id }) => id),
    ).toEqual(['fast']);
  });
});
