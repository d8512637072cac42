import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import { Checkpoint, stateDictionary } from '#main/model/nnunet/checkpoint.ts';
import { importNnunetFolder } from '#main/model/nnunet/importFolder.ts';
import { buildNnunet } from '#main/model/nnunet/network.ts';
import { readPickle } from '#main/model/nnunet/pickle.ts';
import { loadAnyModel, loadModel, saveModel } from '#main/model/modelFolder.ts';
import { hasSharedData, sharedData } from '#test/support/sharedData.ts';
import {
  checkpointOf,
  Global,
  jsonOf,
  pickle,
  Reduced,
  tinyPlans,
  tinyWeights,
  torchFile,
  writeTinyFolder,
  type Picklable,
} from '#test/support/nnunetFolder.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nnunet-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing',
    (error: unknown) => (error instanceof StudioError ? error.code : String(error)),
  );

describe('an nnU-Net folder', () => {
  for (const kind of ['plain', 'residual', 'regions'] as const)
    it(`of the ${kind} kind becomes a model with its weights, folds and labels in order`, async () => {
      const place = join(folder, kind);
      const { network, weights } = await writeTinyFolder(place, { kind, folds: 2 });
      const imported = await importNnunetFolder(place);
      expect(imported.card.network).toEqual(network);
      expect(imported.card.folds).toEqual(['fold_0', 'fold_1']);
      expect(imported.card.pipeline.mirrorAxes).toEqual([0, 2]);
      expect(imported.card.labelSet.labels.map(({ name, value }) => [name, value])).toEqual([
        ['10', 1],
        ['2', 2],
      ]);
      expect(imported.card.pipeline.output).toEqual(
        kind === 'regions' ? { kind: 'regions', values: [1, 2], members: [[1, 2], [2]] } : { kind: 'labels', values: [0, 1, 2] },
      );
      expect(imported.card.source.licence).toBe('CC0');
      weights.forEach((own, fold) => {
        for (const [name, tensor] of own) expect(imported.weights.get(`fold_${fold}/${name}`)).toEqual(tensor);
      });
      const target = join(folder, `${kind} model`);
      await saveModel(target, imported.card, imported.weights);
      const stored = await loadAnyModel(target);
      expect(stored.card).toEqual(imported.card);
      expect(stored.weights).toEqual(imported.weights);
      await expect(loadModel(target)).rejects.toMatchObject({ code: 'unsupported' });
    });

  it('takes the folds that are asked for, and names those that are missing', async () => {
    const place = join(folder, 'folds');
    await writeTinyFolder(place, { kind: 'plain', folds: 3 });
    expect((await importNnunetFolder(place, { folds: ['2', '0'] })).card.folds).toEqual(['fold_2', 'fold_0']);
    await expect(importNnunetFolder(place, { folds: ['4'] })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('fold_4') as string,
    });
  });

  it('is read from its checkpoint where the JSON files are missing', async () => {
    const place = join(folder, 'bare');
    await writeTinyFolder(place, { kind: 'plain' });
    const whole = await importNnunetFolder(place);
    await rm(join(place, 'plans.json'));
    await rm(join(place, 'dataset.json'));
    const bare = await importNnunetFolder(place);
    expect(bare.card.labelSet).toEqual(whole.card.labelSet);
    expect(bare.card.network).toEqual(whole.card.network);
  });

  const refusals: readonly (readonly [name: string, change: (plans: Record<string, Picklable>) => void])[] = [
    ['two dimensions', (plans) => set(plans, 'parent', 'patch_size', [8, 8])],
    ['a cascade', (plans) => set(plans, '3d_fullres', 'previous_stage', '3d_lowres')],
    ['another network', (plans) => setArchitecture(plans, 'network_class_name', 'x.PrimusNet')],
    ['another normalisation', (plans) => set(plans, 'parent', 'normalization_schemes', ['Magic'])],
    ['another resampling', (plans) => set(plans, 'parent', 'resampling_fn_data', 'resample_torch_fornnunet')],
  ];
  for (const [name, change] of refusals)
    it(`of ${name} is refused by name`, async () => {
      const place = join(folder, `refused ${name}`);
      await writeTinyFolder(place, { kind: 'plain' });
      const { plans } = tinyPlans({ kind: 'plain' });
      change(plans);
      await writeFile(join(place, 'plans.json'), jsonOf(plans));
      expect(await codeOf(importNnunetFolder(place))).toBe('unsupported');
    });

  it('whose trainer changes the network is refused', async () => {
    const place = join(folder, 'changed');
    const { network, weights } = await writeTinyFolder(place, { kind: 'plain' });
    const { plans, dataset } = tinyPlans({ kind: 'plain' });
    const more = new Map(weights[0]).set('encoder.stages.0.0.convs.0.norm.running_mean', { shape: [4], data: new Float32Array(4) });
    await writeFile(join(place, 'fold_0', 'checkpoint_final.pth'), torchFile(checkpointOf(more, plans, dataset)));
    await expect(importNnunetFolder(place)).rejects.toMatchObject({
      code: 'unsupported',
      detail: expect.stringContaining('running_mean') as string,
    });
    expect(network.kind).toBe('plainConvUNet');
  });
});

function set(plans: Record<string, Picklable>, configuration: string, name: string, value: Picklable): void {
  const configurations = plans['configurations'] as Record<string, Record<string, Picklable>>;
  (configurations[configuration] as Record<string, Picklable>)[name] = value;
}

function setArchitecture(plans: Record<string, Picklable>, name: string, value: Picklable): void {
  const configurations = plans['configurations'] as Record<string, Record<string, Picklable>>;
  (configurations['parent']?.['architecture'] as Record<string, Picklable>)[name] = value;
}

describe('a pickle', () => {
  it('that asks for more than values is refused, and nothing of it runs', () => {
    for (const [module, name] of [
      ['posix', 'system'],
      ['builtins', 'eval'],
      ['torch', 'load'],
      ['__proto__', 'constructor'],
    ] as const) {
      const hostile = pickle({ weights: new Reduced(new Global(module, name), ['true']) });
      expect(() => readPickle(hostile)).toThrow('Nothing of it was run');
    }
  });

  it('of lists within lists neither hangs nor fills the stack', () => {
    const deep = Buffer.concat([Buffer.from([0x80, 2]), Buffer.alloc(200_000, 0x5d), Buffer.alloc(199_999, 0x61), Buffer.from([0x2e])]);
    expect(Array.isArray(readPickle(deep))).toBe(true);
  });
});

describe('a damaged folder', () => {
  it('of 1,000 kinds of damage is a typed error or a right model', { timeout: 300_000 }, async () => {
    const place = join(folder, 'mutants');
    const { network, weights } = await writeTinyFolder(place, { kind: 'residual' });
    const random = new Random(5);
    const files = ['plans.json', 'dataset.json', join('fold_0', 'checkpoint_final.pth')].map((name) => join(place, name));
    const sound = await Promise.all(files.map((file) => readFile(file)));
    const outcomes = new Map<string, number>();
    for (let n = 0; n < 1000; n++) {
      const which = n % 4 === 3 ? random.integer(2) : 2;
      const file = files[which] as string;
      await writeFile(file, damaged(sound[which] as Buffer, random));
      const outcome = await importNnunetFolder(place).then(
        ({ card, weights: read }) => {
          // A setting may be another one by now; weights that are read are those that were written.
          if (which === 2) {
            expect(card.network).toEqual(network);
            for (const [name, tensor] of weights[0] ?? []) expect(read.get(`fold_0/${name}`)).toEqual(tensor);
          }
          return 'a right model';
        },
        (error: unknown) => {
          expect(error, `mutant ${n}`).toBeInstanceOf(StudioError);
          expect((error as StudioError).code, String((error as StudioError).detail)).not.toBe('internal');
          return (error as StudioError).code;
        },
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      await writeFile(file, sound[which] as Buffer);
    }
    expect([...outcomes.values()].reduce((sum, count) => sum + count, 0)).toBe(1000);
    expect(outcomes.get('invalid-file') ?? 0).toBeGreaterThan(300);
  });
});

/** Bits, bytes, pieces and digits; half of the time past the check sums, which are then right again. */
function damaged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let n = 0; n <= random.integer(4); n++) {
    const at = random.integer(copy.length);
    switch (random.integer(4)) {
      case 0:
        copy[at] = random.integer(256);
        break;
      case 1:
        copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(8));
        break;
      case 2:
        copy.fill(random.next() < 0.5 ? 0 : 255, at, Math.min(copy.length, at + random.integer(8)));
        break;
      default:
        return Buffer.from(
          random.next() < 0.5 ? copy.subarray(0, at) : Buffer.concat([copy.subarray(0, at), copy.subarray(at + random.integer(16))]),
        );
    }
  }
  return copy;
}

describe('a damaged pickle whose sums are right', () => {
  it('is a typed error or a value, 1,000 times', async () => {
    const { plans, dataset, network } = tinyPlans({ kind: 'plain' });
    const weights = tinyWeights(buildNnunet(network, { batch: 1, size: [4, 8, 8] }), 1);
    const storages: Buffer[] = [];
    const sound = pickle(checkpointOf(weights, plans, dataset), storages);
    const random = new Random(9);
    let refused = 0;
    for (let n = 0; n < 1000; n++) {
      try {
        const values = readPickle(damaged(sound, random));
        if (values instanceof Map) stateDictionary(values.get('network_weights'));
      } catch (error) {
        expect(error, `mutant ${n}: ${String(error)}`).toBeInstanceOf(StudioError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
    await Promise.resolve();
  });
});

describe.skipIf(!hasSharedData('nnunet', 'variants'))('variants of checkpoints', () => {
  const at = (name: string): string => join(sharedData, 'nnunet', 'variants', name);

  it('of other tensor kinds are read', async () => {
    const checkpoint = await Checkpoint.open(at('tensor_kinds.pth'));
    const found = stateDictionary(checkpoint.values.get('network_weights'));
    expect(found.size).toBeGreaterThan(3);
    for (const reference of found.values()) {
      const { shape, data } = await checkpoint.tensor(reference);
      expect(data.length).toBe(shape.reduce((product, extent) => product * extent, 1));
      expect(data.every((value) => Number.isFinite(value))).toBe(true);
    }
    checkpoint.dispose();
  });

  it('that run something are refused, and older ones named', async () => {
    expect(await codeOf(Checkpoint.open(at('hostile.pth')))).toBe('invalid-file');
    expect(await codeOf(Checkpoint.open(at('legacy_not_zip.pth')))).toBe('unsupported');
  });
});
