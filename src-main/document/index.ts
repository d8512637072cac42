export { CaseDocument, openDocument, type OpenDocumentOptions } from './caseDocument.ts';
export { readMaskFile, writeMaskFile } from './maskFile.ts';
export type { Recovery } from './recovery.ts';
