import { resolve } from 'node:path';
import { verifyProject } from '#main/project/verifyProject.ts';
import { defineCommand } from '../command.ts';

export const projectVerifyCommand = defineCommand({
  name: 'project verify',
  summary: "Check that a project's library is sound and that its images, masks and weights are what was stored.",
  positionals: { name: 'DIR', minimum: 1, maximum: 1 },
  options: {},
  async run({ positionals: [folder = ''], report, cancellation }) {
    const { checked, faults } = await verifyProject(resolve(folder), { report, cancellation });
    const text =
      faults.length === 0
        ? `All ${String(checked)} items are in order.`
        : faults.map(({ subject, message }) => `${subject}: ${message}`).join('\n');
    return { json: { checked, faults }, text, failed: faults.length > 0 };
  },
});
