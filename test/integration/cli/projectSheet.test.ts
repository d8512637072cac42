import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { logonet } from '../../support/commandLine.ts';
import { makeHandProject } from '../../support/handProject.ts';

let root: string;
let folder: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'logonet-sheet-'));
  vi.stubEnv('LOGONET_DATA', join(root, 'app'));
  folder = await makeHandProject(root);
}, 300_000);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** Pixels of a PNG as `project sheet` writes them: eight bits, red, green, blue and alpha, no filters. */
function pixelsOf(png: Buffer): Uint8Array[] {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const at = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  return Array.from({ length: width * height }, (_, n) => {
    const from = Math.floor(n / width) * (4 * width + 1) + 1 + 4 * (n % width);
    return rows.subarray(from, from + 4);
  });
}

it('a page shows what would be accepted, and only what it shows is accepted', { timeout: 300_000 }, async () => {
  const page = join(root, 'masks.html');
  const sheet = async (...words: string[]) => {
    const { code, stdout } = await logonet(['project', 'sheet', folder, '--out', page, '--json', ...words]);
    return { code, ...(JSON.parse(stdout) as { cases: { caseId: string; name: string; reason: string | null }[] }) };
  };
  const accept = async (...words: string[]) => {
    const { code, stdout } = await logonet(['project', 'accept', folder, '--sheet', page, '--json', ...words]);
    return { code, ...(JSON.parse(stdout) as { accepted: { name: string }[]; skipped: { name: string; reason: string }[] }) };
  };
  // Without the prediction, the one open case has an empty mask: it says so, and nothing else than that mask can be accepted by this page.
  const empty = await sheet();
  expect([empty.code, empty.cases]).toEqual([1, [{ caseId: expect.any(String) as string, name: 'patient 02', fingerprint: expect.any(String) as string, reason: expect.stringMatching(/^Its mask is empty/) as string }]]); // prettier-ignore
  expect(await accept('--prediction')).toMatchObject({ code: 1, accepted: [], skipped: [{ reason: expect.stringMatching(/changed since it was shown/) as string }] }); // prettier-ignore

  expect((await logonet(['project', 'sheet', folder, '--out', page])).stderr).toMatch(/already a file masks\.html/);
  const shown = await sheet('--prediction', '--overwrite');
  expect([shown.code, shown.cases.map(({ name, reason }) => [name, reason])]).toEqual([0, [['patient 02', null]]]);
  const html = readFileSync(page, 'utf8');
  const pictures = [...html.matchAll(/src="data:image\/png;base64,([^"]+)" alt="(Slice \d+ of 48, the middle of [^"]+)"/g)];
  expect(pictures.length).toBeGreaterThan(0);
  for (const [, base64 = '', text] of pictures) {
    const pixels = pixelsOf(Buffer.from(base64, 'base64'));
    const [grey, tinted] = [pixels.filter(([r, g, b]) => r === g && g === b), pixels.filter(([r, g]) => r !== g)];
    expect([text, grey.length > 100, tinted.length > 10]).toEqual([text, true, true]);
  }
  expect(html).not.toMatch(/(src|href)="(?!data:image)/); // It loads nothing.

  expect(await accept()).toMatchObject({ code: 0, accepted: [{ name: 'patient 02' }], skipped: [] });
  expect((await logonet(['project', 'accept', folder, '--sheet', join(folder, 'project.json')])).stderr).toMatch(/is not a sheet/);
  expect(existsSync(join(folder, 'masks.html'))).toBe(false);
});
