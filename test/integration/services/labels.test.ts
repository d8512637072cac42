import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LabelVolume } from '#shared/geometry/grid.ts';
import { freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { readLabels } from '#main/imageio/readImage.ts';
import { writeVolume } from '#main/imageio/writeImage.ts';
import { openProject } from '#main/library/index.ts';
import { importModel } from '#main/project/importModel.ts';
import { removeUnusedLabel } from '#main/project/labelChanges.ts';
import { OpenDocuments } from '#main/project/openDocuments.ts';
import { gridOf, startStudio, testLabels, writePairs, type TestStudio } from '#test/support/studio.ts';
import { writeTinyModel } from '#test/support/tinyModel.ts';

let app: TestStudio;
/** case0 is accepted with label 1, case1 with label 2; case2 has no mask. Label 3 is the cyst. */
let ids: readonly string[];
const projectFolder = (): string => join(app.folder, 'project');
const cyst = { value: 3, name: 'Cyst', color: '#009e73', locked: false } as const;

beforeEach(async () => {
  app = startStudio();
  await writePairs(join(app.folder, 'incoming'), 3, 2);
  await app.client.projects.create({ path: projectFolder(), name: 'Abdomen', labels: [...testLabels, cyst] });
  await app.client.library.import({ sources: [join(app.folder, 'incoming')] });
  ids = (await app.client.library.list({ sort: 'name' })).cases.map(({ id }) => id);
});
afterEach(() => app.close());

/** What a window does with a case: opens it, changes the mask, and leaves it open unless told otherwise. */
async function correct(
  caseId: string,
  change: (document: SegmentationDocument) => void,
): Promise<{ close: () => Promise<unknown>; accept: () => Promise<unknown>; document: SegmentationDocument }> {
  const opened = await app.client.document.open({ caseId });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(opened.mask, opened.history, {
    sink: (record) => {
      records.push(record);
    },
  });
  change(document);
  const at = { caseId, session: opened.session };
  await app.client.document.append({ ...at, sequence: 0, records });
  return {
    document,
    close: () => app.client.document.close(at),
    accept: () => app.client.document.accept({ ...at, sequence: records.length }),
  };
}
const draw =
  (label: number) =>
  (document: SegmentationDocument): void => {
    document.push(
      'Brush',
      paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre: [-5, -15, 36], radius: 3 }, label),
    );
  };
const values = ({ data }: LabelVolume): number[] => [...new Set(data)].filter((value) => value > 0).sort((a, b) => a - b);

describe('a label is its name', () => {
  const taken = (name: string): object => ({
    code: 'conflict',
    message: `There is a label “${name}” already, and names are what labels are told apart by. Give it another name.`,
  });
  const renamed = (name: string): Promise<unknown> => app.client.projects.setLabels({ labels: [...testLabels, { ...cyst, name }] });

  it('so that no other gets it, however it is written', async () => {
    for (const name of ['Spleen', 'spleen', ' SPLEEN ']) await expect(renamed(name)).rejects.toMatchObject(taken('Spleen'));
    await expect(
      app.client.projects.setLabels({ labels: [...testLabels, cyst, { ...cyst, value: 4, name: 'cyst' }] }),
    ).rejects.toMatchObject(taken('Cyst'));
    expect((await app.client.projects.current()).project).toMatchObject({ labels: [...testLabels, cyst] });
    await renamed('CYST');
  });

  it('nor one that is brought back, or added', async () => {
    await app.client.projects.removeLabel({ value: 3 });
    await app.client.projects.setLabels({ labels: [...testLabels, { ...cyst, value: 4, name: 'cyst' }] });
    await expect(app.client.projects.restoreLabel({ value: 3 })).rejects.toMatchObject(taken('cyst'));
    await app.client.projects.setLabels({ labels: [...testLabels, { ...cyst, value: 4, name: 'Label 5' }] });
    expect((await app.client.projects.addLabel()).labels.at(-1)?.name).toBe('Label 5 (2)');
  });

  it('nor in a new project, whose folder stays empty', async () => {
    const path = join(app.folder, 'other');
    const create = (name: string): Promise<unknown> =>
      app.client.projects.create({ path, name: 'Other', labels: [cyst, { ...cyst, value: 4, name }] });
    await expect(create('cyst')).rejects.toMatchObject(taken('cyst'));
    await create('Other cyst');
  });

  it('but what was called alike before this was asked stays usable', async () => {
    await app.client.projects.close({});
    const project = openProject(projectFolder(), { author: 'test' });
    project.write.run("UPDATE label SET name = 'spleen' WHERE value = 3");
    project.close();
    await app.client.projects.open({ path: projectFolder() });
    const { labels } = (await app.client.projects.current()).project ?? { labels: [] };
    await app.client.projects.setLabels({ labels: labels.map((label) => ({ ...label, locked: true })) });
    await renamed('Cyst');
    await expect(renamed('spleen')).rejects.toMatchObject(taken('Spleen'));
  });
});

describe('a label is removed', () => {
  it('unless an accepted mask holds it: the sentence says how many cases, which, and what to do', async () => {
    await expect(app.client.projects.removeLabel({ value: 2 })).rejects.toMatchObject({
      code: 'conflict',
      message:
        '“Spleen” cannot be removed: the mask of 1 case still holds it (case1). Turn it into another label or erase it everywhere (“Everywhere” above the list of labels), or with the tool Boolean in each case.',
    });
    for (const caseId of ids) await (await correct(caseId, draw(3))).accept();
    await expect(app.client.projects.removeLabel({ value: 3 })).rejects.toMatchObject({
      message: expect.stringContaining('the masks of 3 cases still hold it (case0, case1 and case2)') as string,
    });
    expect((await app.client.projects.current()).project).toMatchObject({ labels: [...testLabels, cyst], removedLabels: [] });
  });

  it('unless a mask in correction holds it, open or closed, also after a restart', async () => {
    const skipped = { code: 'conflict', message: expect.stringContaining('the mask of 1 case still holds it (case2)') as string };
    const { close } = await correct(ids[2] ?? '', draw(3));
    await expect(app.client.projects.removeLabel({ value: 3 })).rejects.toMatchObject(skipped);
    await close();
    await expect(app.client.projects.removeLabel({ value: 3 })).rejects.toMatchObject(skipped);
    await app.studio.close();
    app = startStudio(app.folder);
    await app.client.projects.open({ path: projectFolder() });
    await expect(app.client.projects.removeLabel({ value: 3 })).rejects.toMatchObject(skipped);
  });

  it('and undo still has what was drawn with it: it can be brought back, and is not accepted before', async () => {
    const caseId = ids[2] ?? '';
    await (
      await correct(caseId, (document) => {
        draw(3)(document);
        document.undo();
      })
    ).close();
    const told: unknown[] = [];
    app.client.on('projects.changed', ({ project }) => {
      told.push(project?.removedLabels.map(({ name }) => name));
    });
    expect(await app.client.projects.removeLabel({ value: 3 })).toEqual({ labels: testLabels, removedLabels: [cyst] });
    expect(told.at(-1)).toEqual(['Cyst']);
    const { document, accept, close } = await correct(caseId, (each) => {
      each.redo();
    });
    expect(values(document.volume)).toEqual([3]);
    await expect(accept()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/holds “Cyst”, which was removed.*Bring it back/) as string,
    });
    expect(await app.client.projects.restoreLabel({ value: 3 })).toEqual({ labels: [...testLabels, cyst], removedLabels: [] });
    await accept();
    await close();
    expect((await app.client.library.get({ caseId })).case.status).toBe('accepted');
  });

  it("and its value is no other label's from then on, also after a restart", async () => {
    await app.client.projects.removeLabel({ value: 3 });
    await app.studio.close();
    app = startStudio(app.folder);
    expect(await app.client.projects.open({ path: projectFolder() })).toMatchObject({ labels: testLabels, removedLabels: [cyst] });
    const { value, labels } = await app.client.projects.addLabel();
    expect([value, labels.at(-1)]).toEqual([4, { value: 4, name: 'Label 4', color: '#009e73', locked: false }]);
    await expect(app.client.projects.setLabels({ labels: [...labels, { ...cyst, name: 'Stone' }] })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('The value 3 was “Cyst”') as string,
    });
    // A window that has not heard of the new label does not take it away.
    await expect(app.client.projects.setLabels({ labels: testLabels })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('“Label 4”') as string,
    });
    await expect(app.client.projects.removeLabel({ value: 200 })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('or not, when the person stops looking through the masks', async () => {
    await app.client.projects.close();
    const project = openProject(projectFolder(), { author: 'test' });
    const documents = new OpenDocuments(project, { sessionEnded: () => undefined, caseChanged: () => undefined });
    const cancellation = { aborted: false };
    const looked: string[] = [];
    const report = ({ detail = '' }): void => {
      looked.push(detail);
      cancellation.aborted = true;
    };
    await expect(removeUnusedLabel({ project, documents }, 3, { cancellation, report })).rejects.toMatchObject({ code: 'cancelled' });
    project.close();
    expect(looked).toEqual(['case0']);
    expect((await app.client.projects.open({ path: projectFolder() })).removedLabels).toEqual([]);
  });

  it('and masks that come with its value afterwards are asked about', async () => {
    await app.client.projects.removeLabel({ value: 3 });
    const incoming = join(app.folder, 'later');
    await writePairs(incoming, 1, 0, [12, 10, 9]);
    mkdirSync(join(incoming, 'labels'), { recursive: true });
    await writeVolume(join(incoming, 'labels', 'case0.nii.gz'), {
      grid: gridOf([12, 10, 9]),
      data: new Uint8Array(12 * 10 * 9).fill(3, 0, 50),
    });
    await expect(app.client.library.import({ sources: [incoming] })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('The value 3 was “Cyst” until that label was removed') as string,
    });
    expect(await app.client.library.import({ sources: [incoming], labels: [{ key: 'value:3', target: 'Cyst' }] })).toMatchObject({
      masks: 1,
      skipped: [],
    });
    expect((await app.client.projects.current()).project?.labels.find(({ name }) => name === 'Cyst')?.value).toBe(3);
  });
});

describe('a model that knows a removed label', () => {
  it('goes on predicting; the removed label is left out of layers and exports until it is brought back', async () => {
    await app.client.projects.close();
    rmSync(projectFolder(), { recursive: true });
    await app.client.projects.create({ path: projectFolder(), name: 'Abdomen', labels: testLabels });
    await writePairs(join(app.folder, 'open'), 1, 0, [20, 18, 16]);
    const [caseId = ''] = (await app.client.library.import({ sources: [join(app.folder, 'open')] })).added;
    await app.client.projects.close();
    await writeTinyModel(join(app.folder, 'model'));
    const project = openProject(projectFolder(), { author: 'test' });
    const modelId = await importModel(project, join(app.folder, 'model'), { name: 'Tiny' });
    project.close();
    await app.client.projects.open({ path: projectFolder() });
    const layer = async (): Promise<number[]> => {
      const data = new Uint8Array(20 * 18 * 16);
      await app.client.predictions.read(
        { caseId, layer: 'labels' },
        {
          onItem: ({ offset, bytes }) => {
            data.set(bytes, offset);
          },
        },
      );
      return values({ grid: gridOf([20, 18, 16]), data });
    };
    let exports = 0;
    const exported = async (format: string): Promise<number[]> => {
      const destination = join(app.folder, `export ${String(++exports)}`);
      expect(
        await app.client.exports.run({
          format,
          destination,
          cases: { kind: 'these', caseIds: [caseId] },
          source: 'prediction',
          deidentify: true,
          overwrite: false,
          values: 'project',
        }),
      ).toMatchObject({ failures: [] });
      const folder = format === 'nnunet' ? join(destination, 'labelsTr') : destination;
      return values((await readLabels(join(folder, readdirSync(folder).find((name) => name.endsWith('.nii.gz')) ?? ''))).volume);
    };
    const { labels } = await app.client.predictions.run({ caseId });
    const [gone = 0] = labels;
    expect([await layer(), await exported('nifti')]).toEqual([labels, labels]);

    await app.client.projects.removeLabel({ value: gone });
    const kept = labels.filter((value) => value !== gone);
    expect(await app.client.predictions.run({ caseId })).toMatchObject({ modelId, labels: kept });
    expect([await layer(), await exported('nifti'), (await exported('nnunet')).length]).toEqual([kept, kept, kept.length]);
    await app.client.models.promote({ modelId, despite: false });
    expect(JSON.parse((await app.client.models.card({ modelId })).card)).toMatchObject({ labelSet: { labels: testLabels } });
    // Nobody else gets the value that the model knows, not even where the project never had the label.
    expect((await app.client.projects.addLabel()).value).toBe(3);

    await app.client.projects.restoreLabel({ value: gone });
    expect([await layer(), (await app.client.predictions.get({ caseId }))?.labels]).toEqual([labels, labels]);
    expect(readFileSync(join(projectFolder(), 'models', modelId, 'model.json'), 'utf8')).toContain(testLabels[0].name);
  });
});
