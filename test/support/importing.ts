import { join } from 'node:path';
import { readMaskFile } from '#main/document/index.ts';
import { importCases, importTarget, type ImportOptions, type ImportResult } from '#main/exchange/importCases.ts';
import type { ImportPlan } from '#main/exchange/plan/importPlan.ts';
import { planImport, type PlanOptions } from '#main/exchange/plan/planImport.ts';
import { createProject, getLabelSet, latestMaskRevision, type Project } from '#main/library/index.ts';
import { quietly } from './exchange.ts';
import { projectPerTest, type ProjectPerTest } from './projectPerTest.ts';

/** A folder with an empty project for each test of a file, and what comes into that project. */
export interface Importing extends ProjectPerTest {
  /** A path below the folder. */
  at(...parts: string[]): string;
  bring(source: string, given?: Partial<ImportOptions>): Promise<ImportResult>;
  plan(source: string, given?: Partial<PlanOptions>): Promise<ImportPlan>;
  /** The newest mask of a case. */
  maskOf(caseId: string): Promise<Uint8Array | Uint16Array>;
  voxelsByName(caseId: string): Promise<Record<string, number>>;
}

export const projectWithoutLabels = (folder: string): Project =>
  createProject(folder, { name: 'Abdomen', labelSet: { labels: [] }, author: 'reader' });

export function importing(): Importing {
  const own = projectPerTest('logonet-importing-', projectWithoutLabels);
  const here: Importing = Object.assign(own, {
    at: (...parts: string[]) => join(own.folder, ...parts),
    bring: (source: string, given: Partial<ImportOptions> = {}) =>
      importCases(here.project, [source], { mode: 'copy', ...quietly, ...given }),
    plan: (source: string, given: Partial<PlanOptions> = {}) =>
      planImport([source], importTarget(here.project, quietly.cancellation), { ...quietly, ...given }),
    maskOf: async (caseId: string) =>
      (await readMaskFile(here.project.paths.inside(latestMaskRevision(here.project.read, caseId)?.path ?? ''))).data,
    voxelsByName: async (caseId: string) => {
      const counts: Record<string, number> = {};
      for (const value of await here.maskOf(caseId)) {
        const name = getLabelSet(here.project.read).labels.find((label) => label.value === value)?.name;
        if (value !== 0) counts[name ?? 'unnamed'] = (counts[name ?? 'unnamed'] ?? 0) + 1;
      }
      return counts;
    },
  });
  return here;
}
