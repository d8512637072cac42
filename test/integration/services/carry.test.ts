import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Studio } from '#renderer/stores/studio.svelte.ts';
import { writeCase } from '#test/support/exchange.ts';
import { startStudio, type TestStudio } from '#test/support/studio.ts';

let app: TestStudio;
const at = (...parts: string[]): string => join(app.folder, ...parts);
beforeEach(() => {
  app = startStudio();
});
afterEach(() => app.close());

async function projectOf(name: string, labels: readonly (readonly [number, string])[]): Promise<void> {
  await app.client.projects.create({ path: at(name), name, labels: [] });
  await writeCase(at(`${name}-in`), 'one', 1, labels);
  await app.client.library.import({ sources: [at(`${name}-in`)] });
}

describe('in the window', () => {
  it('a project is packed, and unpacked and opened elsewhere', async () => {
    await projectOf('Abdomen', [[1, 'Liver']]);
    const { path } = await app.client.projects.pack({ path: at('Abdomen.logonet') });
    const studio = new Studio(app.client);
    await studio.openProject(path); // What a double click asks for: the person is asked where to.
    expect(studio.carrying).toEqual({ file: path });
    expect(await app.client.projects.packed({ path })).toMatchObject({ name: 'Abdomen' });
    rmSync(at('Abdomen-in'), { recursive: true });
    const options = { signal: new AbortController().signal, onProgress: () => undefined };
    expect(await studio.unpackProject(path, at('elsewhere'), options)).toBe(true);
    expect([studio.project?.path, studio.project?.counts.accepted, studio.workspace]).toEqual([at('elsewhere'), 1, 'cases']);
  });

  it('it is not packed while a mask is open, for what is drawn then would be missing', async () => {
    await projectOf('Abdomen', [[1, 'Liver']]);
    const [row] = (await app.client.library.list({})).cases;
    const { session } = await app.client.document.open({ caseId: row?.id ?? '' });
    await expect(app.client.projects.pack({ path: at('x.logonet') })).rejects.toMatchObject({ code: 'conflict' });
    expect(existsSync(at('x.logonet'))).toBe(false);
    await app.client.document.close({ caseId: row?.id ?? '', session });
    await app.client.projects.pack({ path: at('x.logonet') });
  });

  it('a second reading is listed and taken', async () => {
    await projectOf('Other', [[2, 'Liver'], [1, 'Spleen']]); // prettier-ignore
    await projectOf('Mine', [[1, 'Liver'], [2, 'Spleen']]); // prettier-ignore
    expect(await app.client.library.mergeReadings({ path: at('Other'), reader: 'Berta' })).toMatchObject({ there: 0, skipped: [] });
    const table = await app.client.library.readings();
    // Permuted numbers, the same names: liver lies where liver lies.
    expect(table).toMatchObject({ dice: 1, cases: [{ caseName: 'one', reader: 'Berta', dice: 1, revision: 1 }] });
    const { caseId } = await app.client.library.takeReading({ readingId: table.cases[0]?.id ?? '' });
    const { events } = await app.client.library.get({ caseId });
    expect(events.map(({ message }) => message)).toContain('The reading by Berta was taken as the mask.');
  });

  it('what arrives in the watched folder is offered, planned and not offered again', async () => {
    await projectOf('Mine', [[1, 'Liver']]);
    const studio = new Studio(app.client);
    await studio.begin();
    await app.client.library.watch({ folder: at('Mine-in') });
    expect(await app.client.library.watched()).toEqual({ folder: at('Mine-in'), arrived: null });
    studio.incoming.arrived = { folder: at('Mine-in'), files: 3, sources: [at('Mine-in')] };
    await studio.incoming.plan(studio.incoming.arrived.sources, true);
    expect(studio.incoming.planned).toMatchObject({ isArrival: true, plan: { question: null } });
    await studio.incoming.import({ masksAre: 'accepted', labels: [] });
    await app.client.library.watch({ folder: null });
    await vi.waitFor(async () => expect(await app.client.library.watched()).toEqual({ folder: null, arrived: null }));
  });
});
