/** The names of a mask's labels inside a NIfTI file: an extension with a label table, as Connectome Workbench and TotalSegmentator write it. */
import type { FileLabel } from '../types.ts';

/** NIFTI_ECODE_CARET. */
const caretCode = 30;

/** Four bytes that announce extensions, and one extension; a multiple of 16 in all but for these four. */
export function encodeLabelTable(labels: readonly FileLabel[]): Uint8Array {
  const rows = labels.map(({ value, name = '', color = '#808080' }) => {
    const [red, green, blue] = [1, 3, 5].map((at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255).toFixed(4));
    return `<Label Key="${value}" Red="${red}" Green="${green}" Blue="${blue}" Alpha="1"><![CDATA[${name.replaceAll(']]>', ']]]]><![CDATA[>')}]]></Label>`;
  });
  const xml = `<?xml version="1.0" encoding="UTF-8"?><CaretExtension><VolumeInformation Index="0"><LabelTable>${rows.join('')}</LabelTable></VolumeInformation></CaretExtension>`;
  const text = new TextEncoder().encode(xml);
  const size = Math.ceil((text.length + 8) / 16) * 16;
  const bytes = new Uint8Array(4 + size);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setInt32(4, size, true);
  view.setInt32(8, caretCode, true);
  bytes.set(text, 12);
  return bytes;
}

/** The labels of the first table in the bytes between header and voxels, beginning with the four that announce extensions; empty where there is none. */
export function parseLabelTable(bytes: Uint8Array, littleEndian: boolean): FileLabel[] {
  if (bytes.length < 12 || bytes[0] === 0) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 4; at + 8 <= bytes.length;) {
    const size = view.getInt32(at, littleEndian);
    if (size < 16 || at + size > bytes.length) return [];
    const text = new TextDecoder().decode(bytes.subarray(at + 8, at + size));
    const table = /<LabelTable>([\s\S]*?)<\/LabelTable>/.exec(text)?.[1];
    if (table !== undefined)
      return [...table.matchAll(/<Label\s([^>]*)>([\s\S]*?)<\/Label>/g)].flatMap(([, attributes = '', content = '']) =>
        labelOf(attributes, content),
      );
    at += size;
  }
  return [];
}

function labelOf(attributes: string, content: string): FileLabel[] {
  const attribute = (name: string): number => Number(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? NaN);
  const value = attribute('Key');
  const name = content
    .replace(
      /<!\[CDATA\[([\s\S]*?)\]\]>|&(lt|gt|quot|apos|amp);/g,
      (_, text?: string, entity?: string) => text ?? entities[entity ?? ''] ?? '',
    )
    .trim()
    .slice(0, 128);
  if (!Number.isInteger(value) || value < 1 || value > 65535 || name === '') return [];
  const channels = ['Red', 'Green', 'Blue'].map((channel) => attribute(channel));
  const color = channels.every((part) => part >= 0 && part <= 1)
    ? `#${channels
        .map((part) =>
          Math.round(part * 255)
            .toString(16)
            .padStart(2, '0'),
        )
        .join('')}`
    : undefined;
  return [color === undefined ? { value, name } : { value, name, color }];
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
