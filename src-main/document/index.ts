export { CaseDocument, openDocument, type OpenDocumentOptions } from './caseDocument.ts';
export { readMaskFile, writeMaskFile } from './maskFile.ts';
export { readDocumentMask } from './readDocument.ts';
export type { Recovery } from './recovery.ts';
