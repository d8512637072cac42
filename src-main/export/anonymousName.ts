import { createHash } from 'node:crypto';

/**
 * A name that says nothing about the person and is the same in every export of a case: derived from the library's own case id, which is
 * random, so that nobody can guess it from a name or a hospital number.
 */
export function anonymousName(caseId: string, prefix = 'case'): string {
  return `${prefix}_${createHash('sha256').update(`logonet-studio/${caseId}`).digest('hex').slice(0, 12)}`;
}

/** A DICOM identifier made from a text: the same text gives the same identifier (2.25 with 128 bits of its hash). */
export function uidOf(text: string): string {
  return `2.25.${BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 32)}`)}`;
}
