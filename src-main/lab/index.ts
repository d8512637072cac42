export { parseExperiment, runExperiment } from './experiment.ts';
export { gainText, intervalText } from './experimentReport.ts';
export { armNames } from './promptArms.ts';
export { runPromptStudy } from './promptStudy.ts';
export { runReaderStudy } from './readerStudy.ts';
