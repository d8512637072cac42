import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyAffine } from '#shared/geometry/affine.ts';
import { diceOf, nextClick } from '#shared/prompts/nextClick.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { logonet } from '../../support/commandLine.ts';
import { gridOf, phantom, type Ball } from '../../unit/prompts/phantom.ts';

const grid = gridOf([26, 24, 12], [1, 1, 2]);

describe('the reader who points', () => {
  const structure = (of: (i: number, j: number, k: number) => boolean) => ({
    grid,
    data: Uint8Array.from({ length: 26 * 24 * 12 }, (_, at) => (of(at % 26, Math.floor(at / 26) % 24, Math.floor(at / (26 * 24))) ? 1 : 0)),
  });
  const truth = structure((i, j, k) => i >= 4 && i < 15 && j >= 5 && j < 14 && k >= 2 && k < 9);

  it('clicks at the deepest place of what is missing, then of what is too much, and nowhere once all is right', () => {
    const nothing = structure(() => false);
    expect(nextClick(truth, nothing)).toEqual({ kind: 'click', positive: true, point: applyAffine(grid.affine, [9, 9, 5]) });
    const tooMuch = structure(
      (i, j, k) => truth.data[i + 26 * (j + 24 * k)] === 1 || (i >= 17 && i < 22 && j >= 5 && j < 10 && k >= 2 && k < 5),
    );
    expect(nextClick(truth, tooMuch)).toEqual({ kind: 'click', positive: false, point: applyAffine(grid.affine, [19, 7, 3]) });
    expect(nextClick(truth, truth)).toBeNull();
    expect([diceOf(truth, truth), diceOf(truth, nothing)]).toEqual([1, 0]);
  });

  it('clicks inside an error that lies at the edge of the image', () => {
    const edge = structure((i) => i < 3);
    const click = nextClick(
      edge,
      structure(() => false),
    );
    expect(click?.kind === 'click' && click.point[0]).toBe(1);
  });
});

describe('logonet experiment prompts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logonet-prompts-'));
    await writeSet('set', [1, 2, 3]);
  });
  const writeSet = async (name: string, seeds: readonly number[]): Promise<void> => {
    for (const part of ['imagesTr', 'labelsTr']) mkdirSync(join(folder, name, part), { recursive: true });
    for (const seed of seeds) {
      const balls: readonly Ball[] = [
        { centre: [8 + seed, 8, 11], radii: [5, 5, 6], value: 190 },
        { centre: [18, 15, 12], radii: [4, 5, 6], value: 20 },
      ];
      const { image, truth } = phantom(grid, balls, seed);
      const [one, two] = balls.map(truth) as [Uint8Array, Uint8Array];
      await writeVolume(join(folder, name, 'imagesTr', `case${String(seed)}.nrrd`), image);
      const labels = { grid, data: one.map((value, at) => (two[at] === 1 ? 2 : value)) };
      await writeVolume(join(folder, name, 'labelsTr', `case${String(seed)}.nrrd`), labels);
    }
  };
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reports every arm and structure, goes on where it was interrupted, and refuses other settings in its folder', async () => {
    const out = join(folder, 'report');
    const command = ['experiment', 'prompts', '--dataset', join(folder, 'set'), '--labels', 'Bright,Dark', '--test', '2', '--out', out];
    const first = await logonet([...command, '--json']);
    expect(first.code).toBe(0);
    const { summary } = JSON.parse(first.stdout) as { summary: { arm: string; structure: string; cases: number; dice: number[] }[] };
    expect(summary.map(({ arm, structure, cases }) => `${structure}, ${arm}: ${String(cases)}`)).toEqual(
      ['Bright', 'Dark'].flatMap((structure) =>
        ['region growing', 'region growing, best tolerance', 'case classifier'].map((arm) => `${structure}, ${arm}: 2`),
      ),
    );
    for (const { arm, dice } of summary) if (arm === 'case classifier') expect(dice[3]).toBeGreaterThan(0.9);
    expect(readFileSync(join(out, 'report.md'), 'utf8')).toMatch(/case classifier against region growing, points of Dice/);
    expect(readFileSync(join(out, 'plot.svg'), 'utf8')).toContain('Bright');
    const again = await logonet([...command, '--json']);
    expect(JSON.parse(again.stdout)).toEqual(JSON.parse(first.stdout));
    expect((await logonet([...command, '--arm', 'case classifier'])).stderr).toMatch(/other settings/);
    expect((await logonet([...command, '--arm', 'mind reading'])).stderr).toMatch(/The arms are/);
    expect((await logonet([...command, '--arm', 'prompt network'])).stderr).toMatch(/needs --prompt-model/);
  });

  it('begins with what a model predicts that learned from accepted cases, others for each seed, and compares clicks before and after', async () => {
    const out = join(folder, 'accepted');
    const set = ['--dataset', join(folder, 'set'), '--labels', 'Bright,Dark', '--test', '1', '--out', out];
    const arms = ['case classifier', 'prediction after accepted cases'];
    const learning = ['--accepted', '1', '--steps', '2', '--seeds', '2', '--threads', '1'];
    const command = ['experiment', 'prompts', ...set, ...arms.flatMap((arm) => ['--arm', arm]), ...learning, '--json'];
    const { code, stdout } = await logonet(command);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { summary: { arm: string }[] }).summary.map(({ arm }) => arm)).toEqual([...arms, ...arms]);
    const { rows } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as { rows: { arm: string; seed?: number }[] };
    expect(rows.filter(({ arm }) => arm === arms[1]).map(({ seed }) => seed)).toEqual([0, 1, 0, 1]);
    expect(readFileSync(join(out, 'report.md'), 'utf8')).toMatch(/A model learned for 2 steps with 1 accepted patients/);
    expect((await logonet([...command.slice(0, 10), '--arm', arms[1] ?? ''])).stderr).toMatch(/--accepted belongs to the arms/);
  });

  it('points as in a project of the accepted cases: held-out ones say whether what the others taught helps, and whether it begins with the prediction', async () => {
    await writeSet('more', [1, 2, 3, 4, 5]);
    const out = join(folder, 'project');
    const arm = 'prediction and classifier after accepted cases';
    const set = ['--dataset', join(folder, 'more'), '--labels', 'Bright,Dark', '--test', '1', '--out', out];
    const command = [
      'experiment',
      'prompts',
      ...set,
      '--arm',
      arm,
      '--accepted',
      '4',
      '--steps',
      '2',
      '--seeds',
      '1',
      '--threads',
      '1',
      '--json',
    ];
    const first = await logonet(command);
    expect(first.code).toBe(0);
    const kept = (name: string): unknown => JSON.parse(readFileSync(join(out, 'work', 'projects', '0', name), 'utf8'));
    expect((kept('model.json') as { history: { cases: number }[] }).history.at(-1)?.cases).toBe(3);
    expect(Object.keys(kept('lessons.json') as object)).toEqual(['Bright', 'Dark']);
    const lesson = { without: expect.any(Number) as number, withIt: expect.any(Number) as number, first: expect.any(Number) as number };
    expect(kept('measured.json')).toEqual({
      Bright: { dice: expect.any(Number) as number, lesson: expect.objectContaining(lesson) as object },
      Dark: { dice: expect.any(Number) as number, lesson: expect.objectContaining(lesson) as object },
    });
    const { rows } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as {
      rows: { arm: string; seed?: number; dice: number[] }[];
    };
    expect(rows.map((row) => [row.arm, row.seed])).toEqual([[arm, 0], [arm, 0]]); // prettier-ignore
    // Two steps predict next to nothing: no click begins with that.
    for (const { dice } of rows) expect(dice[0]).toBeGreaterThan(0.5);
    expect(JSON.parse((await logonet(command)).stdout)).toEqual(JSON.parse(first.stdout));
  }, 300_000);

  it('goes on from one true slice through its neighbours, for every structure in both directions, and is ahead of copying it', async () => {
    const out = join(folder, 'slices');
    const command = [
      'experiment',
      'slices',
      '--dataset',
      join(folder, 'set'),
      '--labels',
      'Bright,Dark',
      '--test',
      '2',
      '--out',
      out,
      '--json',
    ];
    const first = await logonet(command);
    expect([first.code, first.stderr]).toEqual([0, expect.any(String)]);
    const { summary } = JSON.parse(first.stdout) as {
      summary: { arm: string; structure: string; rows: number; step: number; dice: (number | null)[]; misses: number | null }[];
    };
    expect(summary.map(({ arm, structure, rows, step }) => `${structure}, ${arm}: ${String(rows)} at ${String(step)}`)).toEqual(
      [['Bright', 4], ['Dark', 4], ['all', 8]].flatMap(([structure, rows]) =>
        ['the same again', 'case'].map((arm) => `${String(structure)}, ${arm}: ${String(rows)} at 2`),
      ), // prettier-ignore
    );
    const [copied, own] = summary.slice(-2);
    expect(own?.dice[1]).toBeGreaterThan(0.8);
    expect(own?.dice[1]).toBeGreaterThan(copied?.dice[1] ?? 1);
    expect([own?.misses ?? 9, own?.dice[4]]).toEqual([expect.closeTo(0, -0.3), null]);
    expect(readFileSync(join(out, 'report.md'), 'utf8')).toMatch(/Dice 1 away/);
    expect(JSON.parse((await logonet(command)).stdout)).toEqual(JSON.parse(first.stdout));
    expect((await logonet([...command, '--channel', '1'])).stderr).toMatch(/other settings/);
  });

  it('goes on with a network on images and masks, and ends with the same weights where it was killed', async () => {
    const begun = join(folder, 'begun');
    const small = ['--threads', '1', '--batch', '1', '--checkpoint-seconds', '0'];
    expect((await logonet(['prompts', 'train', '--out', begun, '--steps', '1', ...small])).code).toBe(0);
    const set = ['--images', join(folder, 'set', 'imagesTr'), '--labels', join(folder, 'set', 'labelsTr')];
    const weights = async (name: string, ...killed: Parameters<typeof logonet>[1][]): Promise<string> => {
      const out = join(folder, name);
      const command = ['prompts', 'train', '--out', out, '--from', begun, ...set, '--steps', '3', ...small];
      if (killed.length > 0) expect((await logonet(command, killed[0])).signal).toBe('SIGKILL');
      const ended = await logonet(killed.length > 0 ? ['prompts', 'train', '--out', out, '--resume', '--json'] : [...command, '--json']);
      expect(JSON.parse(ended.stdout)).toMatchObject({ steps: 3, cases: 3, structures: 6 });
      return readFileSync(join(out, 'weights.safetensors')).toString('base64');
    };
    const whole = await weights('whole');
    expect(await weights('halves', { checkpoint: 2, when: 'saved' })).toBe(whole);
    expect((await logonet(['prompts', 'train', '--out', join(folder, 'no'), '--images', 'x'])).stderr).toMatch(/belong together/);
  }, 300_000);

  it('trains a network that is asked with prompts, goes on with it where it was killed, asks it, and lets nobody predict with it', async () => {
    const model = join(folder, 'network');
    const train = ['prompts', 'train', '--out', model, '--threads', '1', '--batch', '1', '--steps', '3', '--checkpoint-seconds', '0'];
    expect((await logonet(train, { checkpoint: 2, when: 'saved' })).signal).toBe('SIGKILL');
    expect((await logonet(train)).stderr).toMatch(/interrupted training: go on with --resume/);
    const ended = await logonet(['prompts', 'train', '--out', model, '--resume', '--json']);
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ steps: 3, dice: { 'after 1': expect.any(Number) as number } });
    const card = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8')) as { kind: string; history: { note: string }[] };
    expect([card.kind, card.history[0]?.note]).toEqual(['prompts', expect.stringMatching(/generated volumes alone/)]);
    const scan = join(folder, 'set', 'imagesTr', 'case1.nrrd');
    expect((await logonet(['predict', '--model', model, '--out', join(folder, 'no'), scan])).stderr).toMatch(/nothing by itself/);

    const asked = ['experiment', 'prompts', '--dataset', join(folder, 'set'), '--labels', 'Bright,Dark', '--test', '1'];
    const out = join(folder, 'asked');
    const { stdout, code } = await logonet([...asked, '--arm', 'prompt network', '--prompt-model', model, '--out', out, '--json']);
    expect(code).toBe(0);
    const { summary } = JSON.parse(stdout) as { summary: { arm: string; dice: number[] }[] };
    expect(summary.map(({ arm, dice }) => [arm, dice.every((value) => value > 0)])).toEqual([
      ['prompt network', true],
      ['prompt network', true],
    ]);

    const learned = join(folder, 'learned');
    const accepted = [...asked, '--prompt-model', model, '--accepted', '2', '--steps', '2', '--seeds', '2', '--threads', '1', '--json'];
    expect((await logonet([...accepted, '--arm', 'prompt network', '--out', learned])).stderr).toMatch(/belongs to the arm/);
    const after = await logonet([...accepted, '--arm', 'prompt network', '--arm', 'network after accepted cases', '--out', learned]);
    expect(after.code).toBe(0);
    const told = JSON.parse(after.stdout) as { summary: { arm: string; cases: number; structure: string }[] };
    expect(told.summary.map(({ arm, structure, cases: count }) => `${structure}, ${arm}: ${String(count)}`)).toEqual(
      ['Bright', 'Dark'].flatMap((structure) => [`${structure}, prompt network: 1`, `${structure}, network after accepted cases: 1`]),
    );
    expect(readFileSync(join(learned, 'report.md'), 'utf8')).toMatch(/went on for 2 steps with 2 accepted patients.*clicks to \.85/);
    const grown = JSON.parse(readFileSync(join(learned, 'work', 'learned', '1', 'model.json'), 'utf8')) as typeof card;
    expect(grown.history.map(({ note }) => note)).toEqual([
      expect.stringMatching(/generated volumes alone/),
      expect.stringMatching(/^4 structures of 2 of 2 accepted cases, and generated volumes between/),
    ]);
  }, 300_000);
});
