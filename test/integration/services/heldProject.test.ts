/** One project folder, two programs: who has it, what the other may do meanwhile, and when it may take over. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join, relative } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { StudioError } from '#shared/base/errors.ts';
import { Random } from '#shared/base/random.ts';
import type { Client } from '#shared/contract/client.ts';
import { contract, type CallOptions } from '#shared/contract/contract.ts';
import type { ServiceDefinition } from '#shared/contract/define.ts';
import { decodeMask, freePolicy, paint, SegmentationDocument } from '#shared/segmentation/index.ts';
import { filesBelow } from '#main/files/filesBelow.ts';
import { projectHold } from '#main/library/index.ts';
import { makeHandProject } from '#test/support/handProject.ts';
import { randomInput } from '#test/support/randomInput.ts';
import { startStudio } from '#test/support/studio.ts';
import { connectClient, enter, launchWebHost, type RunningWebHost } from '#test/support/webHost.ts';
import { logonet } from '../../support/commandLine.ts';

let root: string;
let project: string;
const hosts: RunningWebHost[] = [];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-held-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  project = await makeHandProject(root);
}, 600_000);
afterAll(async () => {
  for (const host of hosts) await host.stop();
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

async function connect(): Promise<{ host: RunningWebHost; client: Client }> {
  const host = await launchWebHost();
  hosts.push(host);
  const { client } = await connectClient(host.origin, await enter(host.address));
  return { host, client };
}

/** The hash of each file of the project, by name; the holder's sign of life and its memory of who reads go on meanwhile. */
async function tree(): Promise<Record<string, string>> {
  const files = (await filesBelow(project)).filter((path) => !/project\.lock\.holder$|library\.sqlite-shm$/.test(path));
  return Object.fromEntries(
    files.sort().map((path) => [relative(project, path), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

/** Paints a ball in the middle of a case, as the window does; resolves once it is on disk, with the voxels of its label. */
async function paintBall(client: Client, caseId: string, radius: number, label: number): Promise<number> {
  const opened = await client.document.open({ caseId });
  const records: Uint8Array[] = [];
  const document = SegmentationDocument.restore(opened.mask, opened.history, { sink: (record) => records.push(record) });
  const { affine, size } = opened.grid;
  const centre = [0, 1, 2].map((row) =>
    [0, 1, 2].reduce((sum, axis) => sum + (affine[4 * row + axis] ?? 0) * ((size[axis] ?? 0) / 2), affine[4 * row + 3] ?? 0),
  ) as [number, number, number];
  document.push('Ball', paint({ volume: document.volume, policy: freePolicy }, { kind: 'ball', centre, radius }, label));
  await client.document.append({ caseId, session: opened.session, sequence: 0, records });
  return document.volume.data.filter((value) => value === label).length;
}

async function voxelsOf(client: Client, caseId: string, label: number): Promise<number> {
  const { mask } = await client.document.open({ caseId });
  return decodeMask(mask).data.filter((value) => value === label).length;
}

const refusedAs = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'not refused',
    (error: unknown) => (error instanceof StudioError ? `${error.code}: ${error.message}` : String(error)),
  );
const has = `${userInfo().username} has it open on ${hostname()} since `;

it('says who has a project, shows it for reading alone, and gives it over once the holder has gone', { timeout: 600_000 }, async () => {
  const [holder, other] = [await connect(), await connect()];
  expect(await other.client.projects.hold({ path: project })).toEqual({ held: false, sentence: '', holder: null });
  await holder.client.projects.open({ path: project });
  const { cases } = await holder.client.library.list({});
  const caseId = cases.find(({ name }) => name.startsWith('patient 01'))?.id ?? '';
  const first = await paintBall(holder.client, caseId, 10, 2);

  expect(await refusedAs(other.client.projects.open({ path: project }))).toMatch(/^conflict: This project is already open on /);
  expect(await other.client.projects.hold({ path: project })).toMatchObject({
    held: true,
    holder: { host: hostname(), user: userInfo().username },
  });
  const before = await tree();
  const shown = await other.client.projects.open({ path: project, readOnly: true });
  expect(shown.readOnly).toContain(has);
  // It looks, scrolls, shows what was predicted, and exports.
  expect((await other.client.library.list({})).total).toBe(cases.length);
  expect(await voxelsOf(other.client, caseId, 2)).toBe(first);
  let bytes = 0;
  const { byteLength } = await other.client.images.read({ caseId }, { onItem: (piece) => (bytes += piece.bytes.length) });
  expect(bytes).toBe(byteLength);
  expect((await other.client.predictions.get({ caseId }))?.labels.length).toBeGreaterThan(0);
  const exported = await other.client.exports.run({
    format: 'nifti',
    destination: join(root, 'exported'),
    cases: { kind: 'these', caseIds: [caseId] },
  });
  expect(exported.files.map(({ verified }) => verified)).toEqual([true]);
  expect(await refusedAs(other.client.exports.run({ format: 'nifti', destination: join(project, 'exports', 'here'), cases: { kind: 'accepted' } }))).toContain(has); // prettier-ignore
  // It writes nothing, and nothing of it is lost without a word.
  expect(await refusedAs(paintBall(other.client, caseId, 12, 3))).toContain(has);
  expect(await refusedAs(other.client.library.update({ caseIds: [caseId], notes: 'mine' }))).toContain(has);
  expect(await tree()).toEqual(before);

  // The holder goes on; who opens the project again sees it.
  const second = await paintBall(holder.client, caseId, 14, 2);
  await holder.client.library.update({ caseIds: [caseId], notes: 'seen by both' });
  const row = async (): Promise<string> => (await other.client.library.get({ caseId })).case.notes;
  expect(await row()).toBe('');
  await other.client.projects.open({ path: project, readOnly: true });
  expect([await row(), await voxelsOf(other.client, caseId, 2)]).toEqual(['seen by both', second]);

  // A command that reads does so beside it, one that writes says who has it.
  const listed = await logonet(['project', 'list', project, '--json']);
  expect((JSON.parse(listed.stdout) as { cases: unknown[] }).cases).toHaveLength(cases.length);
  const reads = [
    ['project', 'export', project, '--out', join(root, 'beside')],
    ['project', 'remove', project, '--case', caseId],
    ['next', project],
  ];
  for (const words of reads) {
    const { code, stderr } = await logonet(words);
    expect([words, code, stderr]).toEqual([words, 0, expect.stringContaining(has)]);
  }
  const writes = [
    ['project', 'accept', project],
    ['next', project, '--again'],
  ];
  for (const words of writes) {
    const { code, stderr } = await logonet(words);
    expect([words, code, stderr]).toEqual([words, 1, expect.stringContaining(`already open on ${hostname()}`)]);
  }

  // Gone: the operating system takes its lock back at once.
  const ended = new Promise((done) => holder.host.process.once('exit', done));
  holder.host.process.kill('SIGKILL');
  await ended;
  expect(await other.client.projects.hold({ path: project })).toMatchObject({ held: false });
  expect((await other.client.projects.open({ path: project })).readOnly).toBeNull();
  expect(await voxelsOf(other.client, caseId, 2)).toBe(second);
  await other.client.library.update({ caseIds: [caseId], notes: 'taken over' });
  expect(await row()).toBe('taken over');
  await other.client.projects.close();
});

it('takes nothing from another computer that was alive a moment ago, though the file server says that it is free', async () => {
  const file = join(project, 'project.lock.holder');
  const sign = (alive: Date): void =>
    writeFileSync(file, JSON.stringify({ host: 'ward-3', process: 17, since: '2026-11-30T08:14:00.000Z', user: 'kim', alive }));
  const studio = startStudio();
  sign(new Date());
  expect(projectHold(project)).toMatchObject({ held: true, holder: { host: 'ward-3', user: 'kim' } });
  expect(await refusedAs(studio.client.projects.open({ path: project }))).toMatch(/ward-3 by kim.*sign of life less than a minute ago/);
  expect((await studio.client.projects.open({ path: project, readOnly: true })).readOnly).toMatch(
    /because kim has it open on ward-3 since/,
  );
  sign(new Date(Date.now() - 120_000));
  expect(projectHold(project).held).toBe(false);
  expect((await studio.client.projects.open({ path: project })).readOnly).toBeNull();
  await studio.close();
});

it('no call whatever changes a folder that is open for reading alone', { timeout: 900_000 }, async () => {
  const studio = startStudio();
  const { client } = studio;
  await client.projects.open({ path: project, readOnly: true });
  const { cases } = await client.library.list({});
  const strings = [...cases.map(({ id }) => id), 'nifti', 'csv', join(root, 'incoming'), join(root, 'random'), '2026-01-01T00:00:00.000Z'];
  const before = await tree();
  const methods = Object.entries<ServiceDefinition>(contract)
    .flatMap(([service, { methods: all }]) => Object.entries(all).map(([method, definition]) => ({ service, method, ...definition })))
    // What opens another project, ends the program, runs what a person typed, or looks for graphics cards.
    .filter(({ service, method }) => !['app', 'devices', 'settings'].includes(service) && !others.includes(`${service}.${method}`));
  const services = client as unknown as Record<string, Record<string, (input: unknown, options: CallOptions<unknown>) => Promise<unknown>>>;
  const random = new Random(7);
  const changing = methods.filter(({ changes }) => changes === true);
  expect(changing.length).toBeGreaterThan(30);
  for (const { service, method, input, changes } of methods) {
    const inputs = Array.from({ length: 400 }, () => randomInput(input, random, { strings }, 0)).filter((value) => v.is(input, value));
    expect(inputs.length, `${service}.${method}`).toBeGreaterThan(0);
    for (const value of inputs.slice(0, 3)) {
      const answer = await refusedAs(services[service]?.[method]?.(value, {}) ?? Promise.reject(new Error('no such call')));
      if (changes === true) expect(`${service}.${method}: ${answer}`).toContain('conflict: This project is open for reading alone');
    }
  }
  expect(await tree()).toEqual(before);
  await studio.close();
});

const others = ['open', 'close', 'create', 'unpack', 'demo', 'packed'].map((method) => `projects.${method}`).concat('jobs.trySubmit');
