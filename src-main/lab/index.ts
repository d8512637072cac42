export { parseExperiment, runExperiment } from './experiment.ts';
export { gainText, intervalText } from './experimentReport.ts';
export { runImprovementStudy } from './improvementStudy.ts';
export { acceptedArms, armNames, learnedArm } from './promptArms.ts';
export { runPromptStudy } from './promptStudy.ts';
export { runSliceStudy } from './sliceStudy.ts';
export { runReaderStudy } from './readerStudy.ts';
