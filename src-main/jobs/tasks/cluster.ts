import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StudioError } from '#shared/base/errors.ts';
import { chooseEnsemble, subsetSize } from '#main/clustering/ensemble.ts';
import { writeFileAtomically } from '#main/files/atomicFile.ts';
import { loadModel } from '#main/model/modelFolder.ts';
import { chooseScanRule, type ScanRule } from '#main/training/preparation/scanRule.ts';
import { clusterScans } from '#main/training/pretrained/clusterScans.ts';
import { writePseudoLabelTable } from '#main/training/pretrained/pretrained.ts';
import { clusterRequest, type ClusterConfig, type ClusterResult } from '../requests/cluster.ts';
import type { Task, TaskContext } from '../task.ts';
import { withPreparedScans } from './withPreparedScans.ts';

/** Clusters the slices of scans; the pseudo-labels stay in the folder of what is pre-trained. */
export const clusterTask: Task<ClusterConfig, ClusterResult> = {
  kind: 'cluster',
  parse: clusterRequest.parse,
  async run(context) {
    const { config } = context;
    if (config.scans.length === 0) throw new StudioError('invalid-argument', 'There is no scan to cluster; import some first.');
    return withPreparedScans(context, await ruleFor(context), async (executor, prepared) => {
      const { clusterers, clusters, inertia } = await clusterScans(executor, prepared, config.learnedFolder, config, context);
      const { path, slices } = await writePseudoLabelTable(config.learnedFolder);
      const { smallestK, largestK, fraction, iterations } = chooseEnsemble(slices, clusterers, config.seed, config.largestK);
      const sentence = `${slices} slices of ${prepared.length} scans: ${clusterers} clusterers of ${smallestK} to ${largestK} clusters (about eight of a subset's slices to a cluster, 500 at most), each made from ${subsetSize(slices, fraction)} slices in ${iterations} batches.`;
      return { scans: prepared.length, slices, clusterers, clusters, inertia, sentence, table: path };
    });
  },
};

/** The rule of the given model, or the given one, or the one that an earlier attempt chose, or one chosen now. */
async function ruleFor(context: TaskContext<ClusterConfig>): Promise<ScanRule> {
  const { config } = context;
  if (config.model !== undefined) {
    const { spacing, intensity, channels } = (await loadModel(config.model)).card;
    return { spacing, intensity, channels };
  }
  if (config.spacing !== undefined && config.intensity !== undefined) return { spacing: config.spacing, intensity: config.intensity };
  const file = join(context.checkpointFolder, 'rule.json');
  const ids = config.scans.map(({ id }) => id);
  const kept = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as ScanRule & { readonly ids: readonly string[] },
    () => undefined,
  );
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  const names = kept?.channels?.map(({ name }) => name);
  if (kept !== undefined && same([kept.ids, names], [ids, config.channels]))
    return { spacing: kept.spacing, intensity: kept.intensity, channels: kept.channels };
  const rule = await chooseScanRule(config.scans, context, config.channels);
  await writeFileAtomically(file, JSON.stringify({ ...rule, ids }));
  return rule;
}
