import { join } from 'node:path';
import type { Room } from './room.ts';

/** What a window can show, and how a hand gets there. */
export interface State {
  readonly name: string;
  readonly enter: (room: Room) => Promise<void>;
  /** What would stand in the way of the states after it is put back. */
  readonly leave?: (room: Room) => Promise<void>;
  /** Controls for which it is entered anew: what was pressed before them stands in their way. */
  readonly fresh?: RegExp;
}

/** Every command has the key that it came with. */
async function ownKeys(room: Room): Promise<void> {
  await room.home('settings');
  await room.desk.button('All as they were').click();
}

/** What a key asks in a case. */
async function asked(room: Room, caseName: string, key: string): Promise<void> {
  await room.inCase(caseName);
  await room.page.keyboard.press(key);
  await room.desk.dialog();
}

export const states: readonly State[] = [
  { name: 'start', enter: (room) => room.home('start') },
  {
    name: 'new project',
    enter: async (room) => {
      await room.home('start');
      await room.desk.button(/^New project/).click();
    },
  },
  {
    name: 'choose a folder',
    enter: async (room) => {
      await room.home('start');
      await room.desk.button(/^Open a project/).click();
      await room.desk.browseTo('Open a project', room.folder);
    },
  },
  {
    name: 'cases',
    enter: async (room) => {
      await room.allCases();
      await room.desk.caseRow(/./).first().click();
    },
  },
  {
    name: 'the day of a scan',
    enter: async (room) => {
      await room.allCases();
      await room.desk.caseRow('patient 02').click();
      await room.desk.button('Patient…').click();
      await room.desk.dialog();
    },
  },
  {
    name: 'the patient and day of two scans',
    enter: async (room) => {
      await room.chooseTwo();
      await room.desk.button('Patient…').click();
      await room.desk.dialog();
    },
  },
  { name: 'several cases', enter: (room) => room.chooseTwo() },
  {
    name: 'no case matches',
    enter: async (room) => {
      await room.home('cases');
      await room.page.getByRole('searchbox').fill('nothing of this name');
      await room.page.getByRole('heading', { name: 'No case matches' }).waitFor();
    },
  },
  {
    name: 'files to import',
    enter: async (room) => {
      await room.home('cases');
      await room.page.keyboard.press('Control+i');
      await room.desk.browseTo('Import files or a folder', room.folder);
    },
  },
  {
    name: 'what will be imported',
    enter: async (room) => {
      await room.home('cases');
      await room.page.keyboard.press('Control+i');
      await room.desk.browseTo('Import files or a folder', join(room.folder, 'incoming'));
      await room.page.getByRole('button', { name: 'Import', exact: true }).last().click();
      await room.page.getByRole('dialog', { name: 'What will be imported' }).waitFor();
    },
  },
  { name: 'a case', enter: (room) => room.inCase('patient 01') },
  { name: 'a label to remove', enter: (room) => asked(room, 'patient 01', 'Delete') },
  {
    name: 'accepting a mask that lacks what was predicted',
    enter: async (room) => {
      await room.withTool('Brush');
      const asked = room.page.getByRole('dialog', { name: 'Accept without what was predicted?' });
      const show = room.page.getByRole('dialog').getByRole('button', { name: /^Show / });
      for (;;) {
        await room.page.keyboard.press('Control+Enter');
        await asked.or(show).first().waitFor();
        if ((await show.count()) === 0) return;
        await show.click(); // What was not shown yet is asked for first.
        await room.page.locator('dialog').waitFor({ state: 'detached' });
        await room.desk.settled();
      }
    },
  },
  {
    name: 'a preview',
    enter: async (room) => {
      await room.unlockLabels();
      await room.inCase('mirrored');
      await room.page.keyboard.press('Digit1');
      await room.tool('Grow or shrink').click();
      await room.page.getByRole('spinbutton', { name: 'Distance' }).fill('8');
      await room.page.keyboard.press('Enter');
      await room.page.getByRole('region', { name: 'Tool settings' }).getByRole('button', { name: 'Preview' }).click();
      await room.page.getByRole('group', { name: 'Preview' }).waitFor();
    },
  },
  { name: 'several images', enter: (room) => room.inCase('several') },
  {
    name: 'the second of several images',
    enter: async (room) => {
      await room.inCase('several');
      await room.page.getByRole('radiogroup', { name: 'Image in the views' }).getByRole('radio').nth(1).click();
      await room.page.getByText(/^Place .* by hand$/).waitFor();
    },
  },
  { name: 'an empty mask to accept', enter: (room) => asked(room, 'several', 'Control+Enter') },
  {
    name: 'a mask that was not looked at',
    enter: async (room) => {
      await room.inCase('patient 02'); // What was shown of a case is forgotten when it is left.
      await asked(room, 'mirrored', 'Control+Enter');
    },
  },
  {
    name: 'no case is open',
    enter: async (room) => {
      await room.home('correct');
      if ((await room.page.locator('.case h2').count()) > 0) {
        await room.palette('Close the project');
        await room.page.keyboard.press('Enter');
        await room.page.locator('[data-workspace=start][aria-current=page]').waitFor();
        await room.desk.button(/^Open a project/).click();
        await room.desk.browseTo('Open a project', room.project);
        await room.page.getByRole('dialog').getByRole('button', { name: 'Choose', exact: true }).click();
        await room.page.locator('[data-workspace=cases][aria-current=page]').waitFor();
        await room.home('correct');
      }
      await room.page.getByRole('heading', { name: 'No case is open' }).waitFor();
    },
  },
  {
    name: 'several cases to accept',
    enter: async (room) => {
      await room.chooseTwo();
      await room.desk.button('Accept').click();
      await room.desk.dialog();
    },
  },
  {
    name: 'a case to remove',
    enter: async (room) => {
      await room.home('cases');
      await room.desk.caseRow('mirrored').click();
      await room.desk.button(/^Remove for good/).click();
      await room.desk.dialog();
    },
  },
  {
    name: 'second readings',
    enter: async (room) => {
      await room.home('cases');
      await room.desk.button('Second readings').click();
      await room.desk.dialog();
      await room.page.getByRole('table', { name: 'Agreement by case' }).waitFor();
    },
  },
  {
    name: 'a project to carry',
    enter: async (room) => {
      await room.home('start');
      await room.desk.button(/^Carry/).click();
      await room.desk.dialog();
    },
  },
  {
    name: 'a project to unpack',
    enter: async (room) => {
      await room.home('start');
      await room.desk.button('Open a packed project…').click();
      await room.desk.browseTo('Open a packed project', room.folder);
      const browser = room.page.getByRole('dialog', { name: 'Open a packed project' });
      await browser.getByRole('checkbox', { name: 'Choose packed.logonet' }).check();
      await browser
        .getByRole('button', { name: /^Choose/ })
        .last()
        .click();
      await room.page.getByRole('dialog', { name: 'Unpack a project' }).waitFor();
    },
  },
  {
    name: 'what is not sure in an import',
    enter: async (room) => {
      await room.home('cases');
      await room.desk.planImport(room.folder, 'unsure');
      await room.page.getByRole('dialog', { name: 'What will be imported' }).waitFor();
    },
  },
  { name: 'train', enter: (room) => room.home('train') },
  { name: 'models', enter: (room) => room.home('models') },
  {
    name: 'a model that is no gain',
    enter: async (room) => {
      await room.home('models');
      await room.page.getByRole('button', { name: /^Model 2/ }).click();
      await room.desk.button('Promote').click();
      await room.page.getByRole('alert').waitFor();
    },
  },
  { name: 'export', enter: (room) => room.home('export') },
  {
    name: 'export to files with numbers of labels',
    enter: async (room) => {
      await room.home('export');
      await room.page
        .getByRole('radio', { name: /^NIfTI One/ })
        .first()
        .click();
      await room.page.getByRole('radiogroup', { name: 'Numbers of the labels' }).waitFor();
    },
  },
  {
    name: 'problems',
    enter: async (room) => {
      const broken = ['one', 'two', 'three'].map((name) => join(room.folder, 'more', `${name}.nii.gz`));
      await room.home('problems');
      if ((await room.page.getByRole('button', { name: /^(Show|Hide) all \d/ }).count()) === 0)
        await (await room.client()).library.import({ sources: broken });
      // Those of a group are dismissed one by one, too.
      await room.page
        .getByRole('button', { name: /^(Show|Hide) all \d/ })
        .first()
        .waitFor();
      const show = room.page.getByRole('button', { name: /^Show all \d/ });
      if ((await show.count()) > 0) await show.first().click();
    },
    fresh: /Dismiss|Show/,
  },
  {
    name: 'images that were moved',
    enter: async (room) => {
      await room.home('problems');
      await room.desk.button('Relink images…').click();
      await room.desk.dialog();
    },
  },
  { name: 'settings', enter: (room) => room.home('settings') },
  {
    name: 'a plan for the night',
    enter: async (room) => {
      await room.home('settings');
      await (await room.client()).jobs.planNight({ at: '03:00', awayMinutes: 600, minutes: 10 });
      await room.page.getByLabel('Minutes away').waitFor();
    },
  },
  {
    name: 'a plan for the night, in Train',
    enter: async (room) => {
      await room.home('train');
      await room.page.getByLabel('Minutes away').waitFor();
    },
    leave: async (room) => {
      await (await room.client()).jobs.planNight({ at: null, awayMinutes: null, minutes: 60 });
    },
  },
  {
    name: 'a key that belongs to another command',
    enter: async (room) => {
      await room.home('settings');
      const keys = room.page.getByRole('region', { name: 'Keys', exact: true });
      await ownKeys(room);
      await keys.getByRole('button', { name: /^Key of Smooth/ }).click();
      await room.page.keyboard.press('b');
      await keys.getByRole('alert').waitFor();
    },
    leave: ownKeys,
  },
  { name: 'commands', enter: (room) => room.palette('go to') },
  {
    name: 'keys',
    enter: async (room) => {
      await room.home('cases');
      await room.page.keyboard.press('Shift+?');
      await room.desk.dialog();
    },
  },
];

/** These change the masks of every case: last. */
export const lastStates: readonly State[] = [
  {
    name: 'a label in all cases',
    enter: async (room) => {
      await room.inCase('patient 01');
      await room.page
        .getByRole('region', { name: 'Labels', exact: true })
        .getByRole('button', { name: /^Change .* everywhere$/ })
        .first()
        .click();
      await room.desk.dialog();
    },
  },
  {
    name: 'the history of the project',
    enter: async (room) => {
      await room.home('cases');
      await room.page.keyboard.press('Alt+h');
      const dialog = room.page.getByRole('dialog', { name: 'History of the project' });
      await dialog.waitFor();
      // Something can be taken back, and something done again.
      const again = dialog.getByRole('button', { name: /^Do again/ });
      if (await again.isDisabled()) await dialog.getByRole('button', { name: /^Take back/ }).click();
      await again.and(room.page.locator(':enabled')).waitFor();
    },
  },
];
