import { distinctNames } from '#main/files/outputs.ts';
import { caseName } from '#main/imageio/dataset.ts';
import type { Draft } from './draft.ts';

/**
 * What cases are called: as in the project or the data set, a DICOM series by its patient and its description where it has them, else by its folder and
 * number, and with these where another series, also of the project, is called so (`taken`); any other file by its own name, with folders where two are called alike. Volumes of one file are told apart by their numbers.
 */
export function caseNames(drafts: readonly Draft[], taken: ReadonlySet<string>): string[] {
  const files = [...new Set(drafts.map(fileOf))];
  const byFile = new Map(distinctNames(files, caseName).map((name, n) => [files[n] ?? '', name]));
  const filesOf = Map.groupBy(drafts, seriesName);
  return drafts.map((draft) => {
    const { existing, group } = draft;
    const told = seriesName(draft);
    if (existing !== null) return existing.name;
    if (told === null) return group.name ?? byFile.get(fileOf(draft)) ?? '';
    const alike = filesOf.get(told)?.filter((other) => fileOf(other) !== fileOf(draft)) ?? [];
    if (alike.length === 0 && !taken.has(told)) return told;
    const number = numberOf(draft);
    const numbered = `${told}, ${number}`;
    return taken.has(numbered) || alike.some((other) => numberOf(other) === number) ? (group.name ?? told) : numbered;
  });
}

const fileOf = ({ image }: Draft): string => image.paths[0] ?? '';
/** The end of a series' own name, such as “series 3”. */
const numberOf = ({ group }: Draft): string => group.name?.split('/').at(-1) ?? '';

/** Patient and description of a series; its folder and number take the place of the one that is missing, and null is where both are. */
function seriesName(draft: Draft): string | null {
  const { image, group } = draft;
  const [patient, description] = [image.patient.trim(), image.series?.description.trim() ?? ''];
  if (!image.isDicom || (patient === '' && description === '')) return null;
  const folder = group.name?.split('/').slice(0, -1).join('/') ?? '';
  return [patient || folder, description || numberOf(draft)].filter((part) => part !== '').join(', ');
}
