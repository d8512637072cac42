import { StudioError } from '#shared/base/errors.ts';
import { defineCommand, usageError } from '../command.ts';
import { withProject } from '../withProject.ts';
import { deviceOptions, figure, textTable } from './shared.ts';

const pointing = { project: "the project's own", computer: "this computer's", shipped: 'the one that came with the program' } as const;

export const promptsImproveCommand = defineCommand({
  name: 'prompts improve',
  summary:
    'Let the network that answers to Point, or a new one, learn from the accepted cases of a project; it is put in use there where it needs fewer clicks.',
  positionals: { name: 'PROJECT', minimum: 1, maximum: 1 },
  options: {
    minutes: { kind: 'number', help: 'time budget; 10 unless --steps is given', minimum: 0.05 },
    steps: { kind: 'integer', help: 'budget in optimiser steps instead (repeatable bit for bit)', minimum: 1 },
    seed: { kind: 'integer', help: 'seed of all random draws', default: 0 },
    force: { kind: 'flag', help: 'put it in use whatever the comparison says, also where no held-out case measures' },
    back: { kind: 'flag', help: 'go back to what answered before' },
    resume: { kind: 'text', help: 'go on with an interrupted job', value: 'JOB' },
    ...deviceOptions,
  },
  run: (command) =>
    withProject(command.positionals[0] ?? '.', command, async ({ jobs, prompts, call, follow }) => {
      const { options } = command;
      if (options.back) {
        if (options.force || options.resume !== undefined) throw usageError('--back goes with no other option.');
        await prompts.takeBack({}, call);
        const { from, inUse } = await prompts.versions({}, call);
        return {
          json: { inUse, from },
          text: from === null ? 'Point goes by the voxels of each case alone again.' : `Point asks ${pointing[from]} again.`,
        };
      }
      const { jobId } =
        options.resume === undefined
          ? await prompts.improve(
              {
                budget:
                  options.steps === undefined
                    ? { kind: 'minutes', minutes: options.minutes ?? 10 }
                    : { kind: 'steps', steps: options.steps },
                device: options.device,
                ...(options.threads !== undefined && { threads: options.threads }),
                seed: options.seed,
                despite: options.force,
              },
              call,
            )
          : { jobId: options.resume };
      if (options.resume !== undefined) {
        const { state } = (await jobs.get({ jobId }, call)).job;
        if (state !== 'running' && state !== 'queued' && state !== 'done') await jobs.resume({ jobId }, call);
      }
      const job = await follow(jobId);
      if (job.state === 'paused' || job.state === 'interrupted')
        throw new StudioError(
          'cancelled',
          `Stopped; its checkpoint is kept. Go on with: logonet prompts improve ${command.positionals[0] ?? '.'} --resume ${jobId}`,
        );
      if (job.state !== 'done')
        throw new StudioError(job.error?.code ?? 'internal', job.error?.message ?? 'The improvement did not finish.');
      await jobs.get({ jobId }, call); // Once it is in the project.
      const { versions, inUse } = await prompts.versions({}, call);
      const version = versions.find(({ id }) => id === jobId);
      if (version === undefined) throw new StudioError('internal', 'The improvement ended without a network.');
      const rows = (version.measured?.labels ?? []).map(({ label, structures, before, after }) => [
        label,
        String(structures),
        figure(before, 1),
        figure(after, 1),
      ]);
      const lines = [
        `Learned from ${String(version.structures)} structures of ${String(version.trainingCases)} cases, in ${String(version.steps)} steps.`,
        ...(rows.length === 0 ? [] : [textTable(['On held-out cases', 'structures', 'clicks to .85 before', 'after'], rows)]),
        version.verdict,
        inUse === jobId ? 'It is in use in this project; take it back with --back.' : 'It is kept, and not in use.',
      ];
      return { json: { jobId, ...version, inUse: inUse === jobId }, text: lines.join('\n') };
    }),
});
