import { resolve } from 'node:path';
import { lossSentences } from '#shared/domain/overlap.ts';
import { importIntoProject, planProjectImport, type DescribedPlan } from '#main/project/headlessProject.ts';
import { defineCommand, usageError, type OptionSpecifications, type OptionValues } from '../command.ts';

/** How files come in, the same wherever they do. */
export const importOptions = {
  map: {
    kind: 'list',
    help: 'what a label of the masks is: its name or value and the name in the project; nothing after = leaves it out',
    value: 'LABEL=NAME',
  },
  'to-correct': { kind: 'flag', help: 'masks that come in are to be corrected; they count as accepted unless given' },
  reference: { kind: 'flag', help: 'leave the files where they are instead of copying them' },
} as const satisfies OptionSpecifications;

export function importRequest(options: OptionValues<typeof importOptions>) {
  return {
    mode: options.reference ? ('reference' as const) : ('copy' as const),
    masksAre: options['to-correct'] ? ('toCorrect' as const) : ('accepted' as const),
    choices: new Map(options.map.map(parseChoice)),
  };
}

export const projectImportCommand = defineCommand({
  name: 'project import',
  summary: 'Bring files, folders, DICOM series and data sets (dataset.json, pairs of images and labels) into a project.',
  positionals: { name: 'DIR FILE…', minimum: 2, maximum: Infinity },
  options: {
    plan: { kind: 'flag', help: 'only show what would be done, file by file' },
    ...importOptions,
    only: { kind: 'list', help: 'a label of the masks that is taken, all others are left out; several may be named', value: 'LABEL' },
    'overlap-order': {
      kind: 'list',
      help: 'labels, from the front, that have the voxels where several lie; the label of the fewest voxels is in front unless given',
      value: 'LABEL,…',
    },
    volume: {
      kind: 'text',
      help: 'of 4-D files and series: the volume of this number, each one as a case of the same patient, or all as the channels of one case, as those are that a dataset.json names; else none is taken unless given',
      value: 'N|each|channels',
    },
    'same-coordinates': {
      kind: 'flag',
      help: 'channels of one case that lie on other voxels lie where their headers say; they are refused unless given',
    },
    studies: { kind: 'flag', help: 'DICOM series of one study and frame of reference are one case; each is one of its own unless given' },
    numbered: {
      kind: 'text',
      help: 'whether files of one folder called x_0000, x_0001 … are images of one case where they lie on the same voxels; up to four are unless given',
      choices: ['together', 'apart'],
    },
  },
  async run({ options, positionals: [folder = '', ...sources], report, note, cancellation }) {
    const request = importRequest(options);
    const paths = sources.map((source) => resolve(source));
    const said = {
      only: options.only,
      overlapOrder: options['overlap-order'],
      volume: options.volume === undefined ? null : parseVolume(options.volume),
      sameCoordinates: options['same-coordinates'],
      studies: options.studies,
      numbered: options.numbered === undefined ? null : options.numbered === 'together',
    };
    const mode = options.reference ? 'reference' : 'copy';
    if (options.plan) {
      const plan = await planProjectImport(
        resolve(folder),
        paths,
        { ...said, choices: request.choices, mode },
        { report, cancellation, note },
      );
      return {
        json: { ...plan },
        text: planText(plan),
        failed: plan.question !== null || (plan.cases.length === 0 && plan.duplicates.length === 0),
      };
    }
    const result = await importIntoProject(resolve(folder), paths, { ...request, ...said }, { report, cancellation });
    for (const { path, message } of result.skipped) note(`skipped: ${path}: ${message}`);
    for (const { path, message } of result.warnings) note(`warning: ${path}: ${message}`);
    return {
      json: { ...result },
      text: `${String(result.added.length)} cases added, ${String(result.masks)} masks, ${String(result.duplicates)} already there, ${String(result.skipped.length)} refused.`,
      failed: result.added.length === 0 && result.masks === 0 && result.duplicates === 0,
    };
  },
});

function parseVolume(text: string): number | 'each' | 'channels' {
  if (text === 'each' || text === 'channels') return text;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw usageError(`--volume is the number of a volume, from 1, each or channels, not "${text}".`);
  return Number(text);
}

function parseChoice(text: string): [string, string | null] {
  const at = text.lastIndexOf('=');
  if (at < 1) throw usageError(`--map is written LABEL=NAME, e.g. 3=Spleen, not "${text}".`);
  const name = text.slice(at + 1).trim();
  return [text.slice(0, at), name === '' ? null : name];
}

const placedAs = { grid: '', frame: ', placed by its frame of reference', hand: ', placed by its coordinates' } as const;

function imageText({ name, files, volume, placedBy, unit }: DescribedPlan['cases'][number]['images'][number]): string {
  const more = files.length > 1 ? ` and ${String(files.length - 1)} more files` : '';
  const called = name === '' ? '' : `${name}: `;
  return `${called}${files[0] ?? ''}${volume === null ? '' : ` volume ${String(volume)}`}${more}${placedAs[placedBy]}${unit === '' ? '' : ` in ${unit}`}`;
}

export function planText({
  cases,
  labels,
  overlapOrder,
  duplicates,
  skipped,
  numbered,
  question,
  space = null,
}: DescribedPlan & { readonly space?: string | null }): string {
  const shown = (key: string): string => {
    const label = labels.find((each) => each.key === key);
    return label?.name ?? String(label?.values[0] ?? key);
  };
  return [
    ...cases.map(({ name, existing, images, mask, warnings }) => {
      const gained = images.map(imageText).join('; ');
      const image = existing ? `in the project already${gained === '' ? '' : `, with ${gained}`}` : gained;
      const of =
        mask === null
          ? 'no mask'
          : `mask ${mask.files.join(', ')}${[...mask.remarks, ...lossSentences(mask.overlaps, overlapOrder, labels)].map((remark) => ` (${remark})`).join('')}`;
      return `case ${name}: ${image}${warnings.map((warning) => ` (${warning})`).join('')}; ${of}`;
    }),
    ...labels.map(({ name, values, target, masks, byCode, code }) => {
      const source = name === null ? `value ${values.join(', ')}` : `“${name}” (${values.join(', ')})`;
      return `label ${source} in ${String(masks)} masks → ${target === null ? 'left out' : `“${target}”`}${byCode ? `, by its code (${code?.meaning ?? ''}, ${code?.key ?? ''})` : ''}`;
    }),
    ...(overlapOrder.length === 0
      ? []
      : [`where labels overlap, the first of these has the voxel: ${overlapOrder.map(shown).join(', ')} (--overlap-order)`]),
    ...(numbered.cases === 0
      ? []
      : [
          `files numbered _0000, _0001 … are ${numbered.together ? `images of one case in ${String(numbered.cases)} cases (else --numbered apart)` : 'cases of their own (else --numbered together)'}`,
        ]),
    ...duplicates.map(({ path, of }) => `there already: ${path} is ${of}`),
    ...skipped.map(({ path, message }) => `not taken: ${path}: ${message}`),
    ...(space === null ? [] : [space]),
    ...(question === null ? [] : [`To be answered first: ${question}`]),
  ].join('\n');
}
