export { parseExperiment, runExperiment } from './experiment.ts';
export { gainText, intervalText } from './experimentReport.ts';
export { runImprovementStudy } from './improvementStudy.ts';
export { armNames } from './promptArms.ts';
export { runPromptStudy } from './promptStudy.ts';
export { runReaderStudy } from './readerStudy.ts';
