/** A page with the middle slices of masks that are to be accepted in bulk, to be looked at before a command accepts what it shows. */
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { throwIfCancelled } from '#shared/base/cancellation.ts';
import { StudioError, toWireError } from '#shared/base/errors.ts';
import type { Label } from '#shared/domain/labelSet.ts';
import { whyAsked } from '#shared/domain/mask.ts';
import { tintedSlice } from '#shared/domain/tintedSlice.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { claimOutputs } from '#main/files/outputs.ts';
import { encodePng } from '#main/imageio/png.ts';
import { everyCase, getCase, getLabelSet } from '#main/library/index.ts';
import { whyClosed } from './acceptCases.ts';
import type { HeadlessOptions } from './headless.ts';
import { previewMask, type MaskPreview } from './maskPreview.ts';
import type { ProjectSession } from './session.ts';

const shownCase = v.object({
  caseId: v.string(),
  name: v.string(),
  /** Of the mask that is shown; empty where none is. */
  fingerprint: v.string(),
  /** Why it would not be accepted, in a sentence; null where it would. */
  reason: v.nullable(v.string()),
});
const shownCases = v.object({ project: v.string(), prediction: v.boolean(), cases: v.array(shownCase) });
export type ShownCases = v.InferOutput<typeof shownCases>;

export interface SheetRequest {
  /** A file with the ending .html. */
  readonly out: string;
  /** All that are neither accepted nor excluded unless given. */
  readonly caseIds?: readonly string[];
  /** As `AcceptOptions` has them. */
  readonly prediction: boolean;
  readonly overwrite: boolean;
}

/** Writes the sheet; a case that cannot be shown says why. Throws `conflict` where something is there already, `disk-full`, `io`, `cancelled`. */
export async function writeAcceptanceSheet(
  session: ProjectSession,
  { out, caseIds, prediction, overwrite }: SheetRequest,
  { cancellation, report }: HeadlessOptions,
): Promise<ShownCases> {
  const { project } = session;
  if (project.paths.holds(out)) project.requireWritable();
  await claimOutputs([out], { inputs: [project.paths.folder], overwrite });
  const { labels } = getLabelSet(project.read);
  const cases =
    caseIds?.map((id) => getCase(project.read, id)) ?? everyCase(project.read).filter((each) => whyClosed(session, each) === null);
  const rows: string[] = [];
  const shown: ShownCases['cases'] = [];
  for (const [index, { id: caseId, name }] of cases.entries()) {
    throwIfCancelled(cancellation);
    report({ phase: 'Drawing', fraction: index / cases.length, detail: name });
    const preview = await previewMask(session, caseId, { prediction }).catch((error: unknown) => toWireError(error).message);
    session.images.release(caseId);
    const reason =
      typeof preview === 'string' ? preview : (preview.refused ?? (preview.asks === null ? null : whyAsked(preview.asks, labels)));
    shown.push({ caseId, name, fingerprint: typeof preview === 'string' ? '' : preview.fingerprint, reason });
    rows.push(rowOf(name, reason, typeof preview === 'string' ? [] : preview.slices, labels));
  }
  const sheet = { project: project.info.id, prediction, cases: shown };
  await writeFileAtomically(out, pageOf(project.info.name, sheet, rows));
  return sheet;
}

/** What a sheet shows. Throws `not-found`, `invalid-file`. */
export async function readAcceptanceSheet(path: string): Promise<ShownCases> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new StudioError('not-found', `The sheet ${path} could not be read.`, { cause: error });
  });
  const json = /<script type="application\/json" id="shown">(.*?)<\/script>/s.exec(text)?.[1];
  try {
    return v.parse(shownCases, JSON.parse(json ?? ''));
  } catch (error) {
    throw new StudioError('invalid-file', `${path} is not a sheet that “logonet project sheet” wrote.`, { cause: error });
  }
}

function rowOf(name: string, reason: string | null, slices: MaskPreview['slices'], labels: readonly Label[]): string {
  const figures = slices.map(({ width, height, grey, labels: mask, number, count, of }) => {
    const picture = Buffer.from(encodePng(width, height, tintedSlice(grey, mask, labels))).toString('base64');
    const names = of.map((value) => labels.find((label) => label.value === value)?.name ?? `label ${String(value)}`).join(', ');
    const where = `Slice ${String(number)} of ${String(count)}`;
    return `<figure><img src="data:image/png;base64,${picture}" alt="${escaped(`${where}, the middle of ${names}`)}"><figcaption>${escaped(names)}<br>${where}</figcaption></figure>`;
  });
  const why = reason === null ? '' : `<p class="why">${escaped(reason)}</p>`;
  return `<section${reason === null ? '' : ' class="out"'}><h2>${escaped(name)}</h2>${why}<div>${figures.join('')}</div></section>`;
}

function pageOf(name: string, sheet: ShownCases, rows: readonly string[]): string {
  const ready = sheet.cases.filter(({ reason }) => reason === null).length;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped(name)}: masks to accept</title>
<style>
body { background: #0b0d11; color: #dde3ea; font: 15px/1.45 system-ui, sans-serif; margin: 2rem; }
section { border-top: 1px solid #2a323c; padding: 0.6rem 0; display: grid; grid-template-columns: 14rem 1fr; gap: 0 1rem; }
h2 { font-size: 1rem; font-weight: 500; margin: 0; overflow-wrap: anywhere; grid-row: span 2; }
.out h2 { color: #8b96a3; }
.why { color: #f0b45a; margin: 0 0 0.4rem; grid-column: 2; }
div { display: flex; flex-wrap: wrap; gap: 0.7rem; grid-column: 2; }
figure { margin: 0; width: 132px; }
img { width: 132px; height: 132px; object-fit: contain; background: #000; border-radius: 3px; }
figcaption { color: #8b96a3; font-size: 0.82rem; }
</style></head>
<body><h1>${escaped(name)}: masks to accept in bulk</h1>
<p>The middle slices of the largest labels${sheet.prediction ? ', of the prediction where nobody has corrected' : ''}. ${String(ready)} of ${String(sheet.cases.length)} would be accepted; each other says why not. This page shows patients: keep it as you keep the project.</p>
${rows.join('\n')}
<script type="application/json" id="shown">${JSON.stringify(sheet).replaceAll('<', '\\u003c')}</script>
</body></html>
`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
