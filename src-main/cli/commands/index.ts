import type { Command } from '../command.ts';
import { benchCommand } from './bench.ts';
import { clusterCommand } from './cluster.ts';
import { demoCommand } from './demo.ts';
import { devicesCommand } from './devices.ts';
import { evaluateCommand } from './evaluate.ts';
import { experimentCommand } from './experiment.ts';
import { improveCommand } from './improve.ts';
import { modelInfoCommand } from './modelInfo.ts';
import { phantomsCommand } from './phantoms.ts';
import { predictCommand } from './predict.ts';
import { projectCreateCommand } from './projectCreate.ts';
import { projectExportCommand } from './projectExport.ts';
import { projectImportCommand } from './projectImport.ts';
import { projectLabelsCommand } from './projectLabels.ts';
import { projectListCommand } from './projectList.ts';
import { projectPredictCommand } from './projectPredict.ts';
import { projectVerifyCommand } from './projectVerify.ts';
import { rankCommand } from './rankNext.ts';
import { trainCommand } from './train.ts';
import { verifyGoldenCommand } from './verifyGolden.ts';

/** Every command of `logonet`, in the order of the help. */
export const commands: readonly Command[] = [
  demoCommand,
  trainCommand,
  predictCommand,
  evaluateCommand,
  improveCommand,
  experimentCommand,
  clusterCommand,
  rankCommand,
  projectCreateCommand,
  projectImportCommand,
  projectLabelsCommand,
  projectListCommand,
  projectPredictCommand,
  projectExportCommand,
  projectVerifyCommand,
  modelInfoCommand,
  verifyGoldenCommand,
  benchCommand,
  devicesCommand,
  phantomsCommand,
];
