import { join } from 'node:path';
import { openDocument } from '#main/document/index.ts';
import { listCases, openProject } from '#main/library/index.ts';
import type { TrustRow } from '../row.ts';
import { maskHash, trustGrid, trustProject, writeUntilKilled } from '../trustProject.ts';

/** One project goes through all the kills, so that each also starts from what the last one left. */
export const row: TrustRow = {
  name: 'kill-during-saves',
  property: 'kill -9 at any moment loses no acknowledged edit',
  count: 500,
  short: 4,
  part: 50,
  async run({ count, random, folder }) {
    const path = join(folder, 'p');
    const { project, caseId } = trustProject(path);
    project.close();
    const failures: string[] = [];
    let acknowledged = 0;
    let recovered = 0;
    for (let trial = 0; trial < count; trial++) {
      const seed = random.uint32();
      const { said } = await writeUntilKilled(path, caseId, seed, 'edits', random.integer(250));
      const allowed = said.slice(said.findLastIndex(({ word }) => word === 'ack'));
      acknowledged += said.filter(({ word }) => word === 'ack').length - 1;
      const opened = openProject(path, { author: 'trust' });
      const document = await openDocument(opened.paths.case(caseId), { caseId, grid: trustGrid });
      const [hash, cases] = [maskHash(document.volume), listCases(opened.read, { limit: 1 }).total];
      const fail = (what: string): void => {
        failures.push(`trial ${trial}, seed ${seed}: ${what}`);
      };
      if (opened.repair !== null) fail(`the library had to be repaired: ${opened.repair.fault}`);
      if (!allowed.some((state) => state.hash === hash)) fail(`the mask is ${hash}, acknowledged was ${allowed[0]?.hash}`);
      if (!allowed.some((state) => state.cases === cases)) fail(`${cases} cases, acknowledged were ${allowed[0]?.cases}`);
      if (
        opened.write.all('PRAGMA integrity_check').length !== 1 ||
        opened.write.get<{ integrity_check: string }>('PRAGMA integrity_check')?.integrity_check !== 'ok'
      )
        fail('integrity check');
      if (document.recovery !== null) recovered++;
      await document.close();
      opened.close();
    }
    return { tried: count, failures, counts: { 'acknowledged changes': acknowledged, recoveries: recovered } };
  },
};
