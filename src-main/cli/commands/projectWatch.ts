import { resolve } from 'node:path';
import { watchForProject, type ImportResult } from '#main/project/headlessCarry.ts';
import type { DescribedPlan } from '#main/project/headlessProject.ts';
import { defineCommand } from '../command.ts';
import { importOptions, importRequest, planText } from './projectImport.ts';

export const projectWatchCommand = defineCommand({
  name: 'project watch',
  summary: 'Watch a folder that grows, as one that a PACS exports to; shows what an import would do each time it has become quiet.',
  positionals: { name: 'DIR FOLDER', minimum: 2, maximum: 2 },
  options: {
    once: { kind: 'flag', help: 'end after the first plan' },
    'quiet-seconds': { kind: 'number', help: 'how long nothing may have changed before it is looked at', minimum: 0, default: 30 },
    import: { kind: 'flag', help: 'also import what is planned, unless a label is in doubt' },
    ...importOptions,
  },
  async run({ options, positionals: [folder = '', watched = ''], report, note, cancellation }) {
    const plans: { readonly files: number; readonly plan: DescribedPlan; readonly result: ImportResult | null }[] = [];
    const text = ({ plan, result }: (typeof plans)[number]): string =>
      result === null
        ? planText(plan)
        : `${String(result.added.length)} cases added, ${String(result.masks)} masks, ${String(result.duplicates)} already there, ${String(result.skipped.length)} refused.`;
    const request = importRequest(options);
    await watchForProject(resolve(folder), resolve(watched), {
      report,
      note,
      cancellation,
      once: options.once,
      quietSeconds: options['quiet-seconds'],
      imports: options.import ? request : null,
      choices: request.choices,
      arrived: ({ files }, plan, result) => {
        plans.push({ files, plan, result });
        if (!options.once) note(text({ files, plan, result }));
      },
    });
    return {
      json: { arrivals: plans },
      text: options.once ? plans.map(text).join('\n') : `${String(plans.length)} times something had arrived.`,
      failed: plans.some(({ plan, result }) => result === null && plan.question !== null),
    };
  },
});
