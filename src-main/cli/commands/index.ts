import type { Command } from '../command.ts';
import { benchCommand } from './bench.ts';
import { clusterCommand } from './cluster.ts';
import { demoCommand } from './demo.ts';
import { devicesCommand } from './devices.ts';
import { evaluateCommand } from './evaluate.ts';
import { experimentCommand } from './experiment.ts';
import { improveCommand } from './improve.ts';
import { modelExportCommand } from './modelExport.ts';
import { modelImportCommand } from './modelImport.ts';
import { modelInfoCommand } from './modelInfo.ts';
import { modelJoinCommand } from './modelJoin.ts';
import { modelShelfCommand } from './modelShelf.ts';
import { phantomsCommand } from './phantoms.ts';
import { predictCommand } from './predict.ts';
import { projectAcceptCommand } from './projectAccept.ts';
import { projectPackCommand, projectUnpackCommand } from './projectCarry.ts';
import { projectCreateCommand } from './projectCreate.ts';
import { projectDiskCommand } from './projectDisk.ts';
import { projectExportCommand } from './projectExport.ts';
import { projectHistoryCommand } from './projectHistory.ts';
import { projectImagesCommand } from './projectImages.ts';
import { projectImportCommand } from './projectImport.ts';
import { projectLabelsCommand } from './projectLabels.ts';
import { projectListCommand } from './projectList.ts';
import { projectMergeCommand } from './projectMerge.ts';
import { projectPredictCommand } from './projectPredict.ts';
import { projectRelinkCommand } from './projectRelink.ts';
import { projectRemoveCommand } from './projectRemove.ts';
import { projectPatientCommand, projectStartCommand, projectVolumesCommand } from './projectScans.ts';
import { projectSheetCommand } from './projectSheet.ts';
import { projectVerifyCommand } from './projectVerify.ts';
import { projectWatchCommand } from './projectWatch.ts';
import { promptsImproveCommand } from './promptsImprove.ts';
import { promptsTrainCommand } from './promptsTrain.ts';
import { rankCommand } from './rankNext.ts';
import { trainCommand } from './train.ts';
import { verifyGoldenCommand } from './verifyGolden.ts';
import { workerCommand } from './worker.ts';

/** Every command of `logonet`, in the order of the help. */
export const commands: readonly Command[] = [
  demoCommand,
  trainCommand,
  predictCommand,
  evaluateCommand,
  improveCommand,
  workerCommand,
  experimentCommand,
  clusterCommand,
  rankCommand,
  promptsTrainCommand,
  promptsImproveCommand,
  projectCreateCommand,
  projectImportCommand,
  projectWatchCommand,
  projectRelinkCommand,
  projectLabelsCommand,
  projectImagesCommand,
  projectListCommand,
  projectPredictCommand,
  projectPatientCommand,
  projectStartCommand,
  projectSheetCommand,
  projectAcceptCommand,
  projectVolumesCommand,
  projectExportCommand,
  projectHistoryCommand,
  projectRemoveCommand,
  projectDiskCommand,
  projectMergeCommand,
  projectPackCommand,
  projectUnpackCommand,
  projectVerifyCommand,
  modelImportCommand,
  modelJoinCommand,
  modelExportCommand,
  modelInfoCommand,
  modelShelfCommand,
  verifyGoldenCommand,
  benchCommand,
  devicesCommand,
  phantomsCommand,
];
