import type { Command } from '../command.ts';
import { demoCommand } from './demo.ts';
import { evaluateCommand } from './evaluate.ts';
import { modelInfoCommand } from './modelInfo.ts';
import { predictCommand } from './predict.ts';
import { trainCommand } from './train.ts';
import { verifyGoldenCommand } from './verifyGolden.ts';

/** Every command of `logonet`, in the order of the help. */
export const commands: readonly Command[] = [
  demoCommand,
  trainCommand,
  predictCommand,
  evaluateCommand,
  modelInfoCommand,
  verifyGoldenCommand,
];
