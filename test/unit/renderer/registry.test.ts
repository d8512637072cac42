import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tools } from '#renderer/tools/registry.ts';

const repeated = (values: readonly string[]): readonly string[] => values.filter((value, index) => values.indexOf(value) !== index);

describe('the tool registry', () => {
  it('gives every tool an identifier, a line of help and, where it has one, a key of its own', () => {
    expect(repeated(tools.map((tool) => tool.id))).toEqual([]);
    expect(repeated(tools.map((tool) => tool.key).filter((key) => key !== ''))).toEqual([]);
    expect(tools.filter((tool) => tool.help.length < 20 || !tool.help.endsWith('.')).map((tool) => tool.id)).toEqual([]);
  });

  it('has a tool for every operation of the segmentation document', () => {
    const source = tools.map((tool) => tool.id);
    for (const id of [
      'brush',
      'eraser',
      'thresholdBrush',
      'polygon',
      'lasso',
      'fill',
      'regionGrow',
      'growFromSeeds',
      'interpolate',
      'keepLargest',
      'removeSmall',
      'fillHoles',
      'smooth',
      'grow',
      'boolean',
      'doneHere',
      'copyPrediction',
    ]) {
      expect(source).toContain(id);
    }
  });

  it('has a picture for every tool', () => {
    const icons = readFileSync(resolve(import.meta.dirname, '../../../src-renderer/panels/toolIcons.ts'), 'utf8');
    expect(tools.filter((tool) => !new RegExp(`\\b${tool.id}:`).test(icons)).map((tool) => tool.id)).toEqual([]);
  });

  it('keeps every initial value inside its limits', () => {
    for (const tool of tools) {
      for (const parameter of tool.parameters) {
        if (parameter.kind === 'number')
          expect(parameter.initial >= parameter.minimum && parameter.initial <= parameter.maximum, `${tool.id}.${parameter.id}`).toBe(true);
        if (parameter.kind === 'choice') expect(parameter.choices.map((choice) => choice.value)).toContain(parameter.initial);
      }
    }
  });
});
