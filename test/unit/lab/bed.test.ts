import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawCases, patientOf, readBed, splitCases } from '#main/lab/bed.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'bed-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function folder(name: string, files: Readonly<Record<string, readonly string[]>>): string {
  const path = join(root, name);
  for (const [part, names] of Object.entries(files)) {
    mkdirSync(join(path, part), { recursive: true });
    for (const file of names) writeFileSync(join(path, part, file), '');
  }
  return path;
}

describe('a set as it lies', () => {
  it('takes the asked channel of each scan, pairs it with its mask, and names the labels in order', async () => {
    const dataset = folder('channels', {
      imagesTr: ['b_0000.nii.gz', 'b_0001.nii.gz', 'a_0000.nii.gz', 'a_0001.nii.gz', 'notes.txt'],
      labelsTr: ['a.nii.gz'],
    });
    const { labelled, unlabelled, test, labels } = await readBed({ dataset, channel: 1, labels: ['tumour', '4=oedema'] });
    const image = (file: string): string => join(dataset, 'imagesTr', file);
    expect(labelled).toEqual([{ name: 'a', image: image('a_0001.nii.gz'), labels: join(dataset, 'labelsTr', 'a.nii.gz') }]);
    expect(unlabelled).toEqual([{ name: 'b', image: image('b_0001.nii.gz') }]);
    expect(test).toBeUndefined();
    expect(labels).toEqual([
      { value: 1, name: 'tumour' },
      { value: 4, name: 'oedema' },
    ]);
  });

  it('takes all channels of each scan unless one is asked for, called by their numbers or by what a description says', async () => {
    const dataset = folder('together', {
      imagesTr: ['a_0000.nii.gz', 'a_0001.nii.gz', 'b_0000.nii.gz'],
      labelsTr: ['a.nii.gz', 'b.nii.gz'],
    });
    const image = (file: string): string => join(dataset, 'imagesTr', file);
    const bare = await readBed({ dataset });
    expect(bare.channels).toEqual(['0000', '0001']);
    expect(bare.labelled.map(({ name, channels }) => [name, channels?.map((each) => each.name)])).toEqual([
      ['a', ['0000', '0001']],
      ['b', ['0000']],
    ]);
    writeFileSync(
      join(dataset, 'dataset.json'),
      JSON.stringify({ channel_names: { 0: 'T1', 1: 'FLAIR' }, labels: { background: 0, x: 1 } }),
    );
    const described = await readBed({ dataset });
    expect(described.channels).toEqual(['T1', 'FLAIR']);
    expect(described.labelled.map(({ channels }) => channels)).toEqual([
      [
        { name: 'T1', image: image('a_0000.nii.gz') },
        { name: 'FLAIR', image: image('a_0001.nii.gz') },
      ],
      [{ name: 'T1', image: image('b_0000.nii.gz') }],
    ]);
  });

  it('measures on imagesTs where they have masks, and takes them as unlabelled where they have none', async () => {
    const files = { imagesTr: ['a.nii'], labelsTr: ['a.nii'], imagesTs: ['t.nii'], imagesUnlabelled: ['u.nii'] };
    const own = await readBed({ dataset: folder('own', { ...files, labelsTs: ['t.nii'] }) });
    expect([own.test?.map(({ name }) => name), own.unlabelled.map(({ name }) => name)]).toEqual([['t'], ['u']]);
    const none = await readBed({ dataset: folder('none', files) });
    expect([none.test, none.unlabelled.map(({ name }) => name)]).toEqual([undefined, ['t', 'u']]);
  });

  it('says where there is nothing to learn from', async () => {
    await expect(readBed({ dataset: folder('empty', { imagesTr: ['a.nii'] }) })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('the split', () => {
  const cases = Array.from({ length: 8 }, (_, number) => ['01', '12'].map((frame) => `patient${number}_frame${frame}`)).flat();
  const same = (name: string): string => name;

  it('keeps all phases and channels of a patient together', () => {
    expect([patientOf('patient002_frame12'), patientOf('TCGA_CS_4942_19970222_0001'), patientOf('1000')]).toEqual([
      'patient002',
      'TCGA_CS_4942_19970222',
      '1000',
    ]);
    const { test, pool } = splitCases(cases, 3, same);
    expect([test.length, pool.length]).toEqual([6, 10]);
    expect(test.map(patientOf).some((patient) => pool.map(patientOf).includes(patient))).toBe(false);
    expect(splitCases([...cases].reverse(), 3, same).test.sort()).toEqual(test.sort());
  });

  it('draws whole patients, others for another seed', () => {
    const drawn = drawCases(cases, 2, 0, same);
    expect(new Set(drawn.map(patientOf)).size).toBe(2);
    expect(drawn).toHaveLength(4);
    expect(drawCases(cases, 2, 0, same)).toEqual(drawn);
    expect(Array.from({ length: 5 }, (_, seed) => drawCases(cases, 2, seed, same).join()).some((each) => each !== drawn.join())).toBe(true);
  });
});
