import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ModelCard } from '#shared/domain/modelCard.ts';
import { logonet } from '../../support/commandLine.ts';
import { phantoms } from '../../support/improve.ts';

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'unlabelled-'));
  for (const name of ['images', 'labels', 'scans']) mkdirSync(join(root, name));
  for (const [index, { image, mask }] of (await phantoms(join(root, 'made'), 5, 3)).entries()) {
    renameSync(image, join(root, 'images', basename(image)));
    if (index < 2) renameSync(mask, join(root, 'labels', basename(image)));
  }
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Trains on the two cases that have masks; `more` says what else. */
function train(out: string, ...more: string[]) {
  return logonet([
    ...['train', '--images', join(root, 'images'), '--labels', join(root, 'labels'), '--out', join(root, out), '--variant', 'tiny'],
    ...['--steps', '9', '--validation', '0', '--patch', '16x16x16', '--threads', '1', '--seed', '1', ...more],
  ]);
}

it('logonet train --unlabelled learns from the scans of a folder that have no mask, and says so', { timeout: 300_000 }, async () => {
  const { code, stdout, stderr } = await train('with', '--unlabelled', join(root, 'images'), '--json');
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  expect(JSON.parse(stdout)).toMatchObject({ trainingCases: 2, unlabelledScans: 3, steps: 9 });
  const card = JSON.parse(readFileSync(join(root, 'with', 'model.json'), 'utf8')) as ModelCard;
  expect(card.history.map(({ cases, note }) => [cases, note])).toEqual([[2, 'recipe standard, with 3 scans without masks']]);
  expect(readdirSync(join(root, 'with', 'training'))).not.toContain('unlabelled');

  const without = await train('without');
  expect(without.stdout).toMatch(/^Trained tiny on 2 cases for/);
  const weights = (name: string): Buffer => readFileSync(join(root, name, 'weights.safetensors'));
  expect(weights('with').equals(weights('without'))).toBe(false);
});

it('logonet train --unlabelled refuses a folder in which every scan has a mask', async () => {
  const { code, stderr } = await train('none', '--unlabelled', join(root, 'scans'));
  expect([code, stderr]).toEqual([2, expect.stringContaining('no scan in')]);
});
