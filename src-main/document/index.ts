export { CaseDocument, openDocument, type OpenDocumentOptions } from './caseDocument.ts';
export { EditingSession, type HandedOver } from './editingSession.ts';
export { readMaskFile, writeMaskFile } from './maskFile.ts';
export { readDocument } from './readDocument.ts';
export type { Recovery } from './recovery.ts';
export { sameWriter, type Writer } from './writer.ts';
