/** Codes that files give their labels: what a structure is, whatever it is called. */

/** `key` is equal for equal codes, `meaning` is in words: "SCT:10200004", "Liver". */
export interface LabelCode {
  readonly key: string;
  readonly meaning: string;
}

export interface CodePart {
  readonly scheme: string;
  readonly value: string;
  readonly meaning: string;
}

/** Of SNOMED CT and SNOMED RT: too wide to say by themselves which structure it is. */
const wide = new Set([
  ...['85756007', '123037004', '91723000', '49755003', '108369006', '52988006', '441457006', '4147007', '79654002', '6574001', '272673000'],
  ...['T-D0050', 'T-D000A', 'M-01000', 'M-8FFFF', 'M-01100', 'M-03000', 'M-54000'],
]);

/** A code made of a type, what modifies it (left, right), and the region that it lies in with its modifier; undefined where it says too little. */
export function labelCode(
  type: CodePart | null,
  modifier: CodePart | null,
  region: CodePart | null = null,
  regionModifier: CodePart | null = null,
): LabelCode | undefined {
  if (type === null || (wide.has(type.value) && region === null)) return undefined;
  const parts = [type, modifier, region, regionModifier].filter((part) => part !== null);
  return {
    key: parts
      .map(({ scheme, value }) => `${scheme.toUpperCase()}:${value}`)
      .join('|')
      .slice(0, 200),
    meaning: [modifier, type, region === null ? null : { meaning: 'of' }, regionModifier, region]
      .flatMap((part) => part?.meaning ?? [])
      .join(' ')
      .slice(0, 200),
  };
}

/** 3D Slicer's terminology: `context~category~type~modifier~context~region~modifier`, each `scheme^value^meaning`. */
export function slicerCode(entry: string): LabelCode | undefined {
  const parts = entry.split('~').map((part): CodePart | null => {
    const [scheme = '', value = '', meaning = ''] = part.split('^');
    return scheme === '' || value === '' ? null : { scheme, value, meaning };
  });
  return labelCode(parts[2] ?? null, parts[3] ?? null, parts[5] ?? null, parts[6] ?? null);
}
