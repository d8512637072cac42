/**
 * Whether intensities are Hounsfield units. Files other than DICOM do not say what they are; values well below zero, as air has them, are
 * taken for CT: other modalities do not reach there.
 * @param minimum smallest value of the image
 */
export function looksLikeCt(modality: 'CT' | 'MR' | 'unknown', minimum: number): boolean {
  return modality === 'CT' || (modality === 'unknown' && minimum <= -200 && minimum >= -5000);
}

/** What a channel's or modality's name says. */
export function modalityOfName(name: string): 'CT' | 'MR' | 'unknown' {
  return /^ct/i.test(name) ? 'CT' : /^(mr|t1|t2|flair|adc|dwi)/i.test(name) ? 'MR' : 'unknown';
}
