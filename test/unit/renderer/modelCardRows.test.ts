import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelCardRows } from '#renderer/stores/modelCardRows.ts';

describe('the model card for a person', () => {
  it('shows the shipped model’s network, labels, spacing and training', () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../../resources/models/phantom/model.json'), 'utf8');
    const rows = new Map(modelCardRows(text));
    expect(rows.get('Network')).toBe('logonet, widths 8 / 16 / 24, depths 1 / 1 / 1, 14 features');
    expect(rows.get('Labels')).toBe('1 Liver, 2 Spleen, 3 Kidneys, 4 Aorta, 5 Gallbladder');
    expect(rows.get('Voxel spacing')).toMatch(/^5\.11 × 5\.11 × 6\.90 mm$/);
    expect(rows.get('Training')).toMatch(/700 steps in 11 min on 32 cases, validation Dice Liver 0\.963/);
  });

  it('shows what the scans were like that trained, where the card says it', () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../../resources/models/phantom/model.json'), 'utf8');
    const one = { low: [1, 1, 2], high: [1, 1, 2] };
    const scans = { isCt: [false], spacing: one, extent: { low: [80, 90, 100], high: [85, 95, 120] }, intensities: one };
    const card = JSON.stringify({ ...(JSON.parse(text) as object), scans });
    expect(new Map(modelCardRows(card)).get('Learned from')).toBe(
      'no CT, voxels of 1.00 × 1.00 × 2.00 mm, 80 × 90 × 100 to 85 × 95 × 120 mm in all',
    );
    expect(new Map(modelCardRows(text)).has('Learned from')).toBe(false);
  });

  it('shows text that is no card as it is', () => {
    expect(modelCardRows('not a card')).toEqual([['Card', 'not a card']]);
    expect(modelCardRows('{}')).toEqual([['Card', '{}']]);
  });
});
