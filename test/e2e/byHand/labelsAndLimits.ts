import { expect, it } from 'vitest';
import type { TestDesk } from '../driver.ts';
import { handOf } from './hand.ts';

/** Labels that are hidden, locked, chosen and shown alone; fills that leak; the range that tools keep to. */
export function labelsAndLimits(tests: TestDesk): void {
  const { millilitres } = handOf(tests);

  it('what is painted is seen, and what is locked says so', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    await page.keyboard.press('Digit1');
    await list.getByRole('button', { name: 'Hide Liver' }).click();
    await page.keyboard.press('b');
    await desk.drag('axial', [
      [0.5, 0.2],
      [0.52, 0.22],
    ]);
    await list.getByRole('button', { name: 'Hide Liver', pressed: false }).waitFor();
    await list.getByRole('button', { name: 'Lock Liver' }).click();
    await list.getByRole('button', { name: 'Lock Liver', pressed: true }).waitFor();
    await page.keyboard.press('Digit2');
    const [x, y] = await desk.at('axial', 0.51, 0.21);
    await page.mouse.move(x, y);
    await page.locator('[data-orientation=axial] .preview.blocked').waitFor();
    const spleen = await millilitres('Spleen');
    await desk.drag('axial', [
      [0.51, 0.21],
      [0.512, 0.212],
    ]);
    await desk.told(/“Liver” is locked: its voxels stayed as they are\./);
    expect(await millilitres('Spleen')).toBeGreaterThanOrEqual(spleen);
    await list.getByRole('button', { name: 'Lock Liver' }).click();
    await desk.saved();
  });

  it('a fill that reaches the edge of the picture asks first', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const before = (await desk.history()).length;
    await page.keyboard.press('f');
    const [x, y] = await desk.at('axial', 0.5, 0.93);
    await page.mouse.click(x, y);
    const question = page.getByRole('group', { name: 'Preview' });
    await question.getByText(/reaches the edge/).waitFor();
    await desk.screenshot('hand-leak');
    await question.getByRole('button', { name: /^Cancel/ }).click();
    await question.waitFor({ state: 'detached' });
    expect((await desk.history()).length).toBe(before);
    await page.mouse.click(x, y);
    await question.waitFor();
    await page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    expect((await desk.history()).length).toBe(before);
    await page.mouse.click(x, y);
    await question.waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(async () => (await desk.history()).at(-1)).toBe('Fill: Spleen');
    await page.keyboard.press('Control+z');
    await desk.saved();
  });

  it('labels are chosen, picked and shown alone by key, and the palette knows their names', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    await desk.openCase('patient 01');
    const list = page.getByRole('region', { name: 'Labels', exact: true });
    const active = (): Promise<string | null> => list.locator('li.active .name span').textContent();
    await page.keyboard.press('Digit1');
    await page.keyboard.press('.');
    await expect.poll(active).toBe('Spleen');
    await page.keyboard.press(',');
    await page.keyboard.press(',');
    await expect.poll(active).toBe('Left kidney');
    await desk.settled();
    const [x, y] = await desk.at('axial', 0.4, 0.45); // in the liver
    await page.mouse.move(x, y);
    await page.keyboard.press('y');
    await expect.poll(active).toBe('Liver');
    await page.keyboard.press('Shift+V');
    await expect.poll(() => list.getByRole('button', { name: /^Hide/, pressed: true }).count()).toBe(3);
    await page.keyboard.press('Shift+V');
    await expect.poll(() => list.getByRole('button', { name: /^Hide/, pressed: true }).count()).toBe(0);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search commands' }).fill('spleen');
    await page.getByRole('option', { name: /^Draw with Spleen/ }).waitFor();
    await page.keyboard.press('Enter');
    await expect.poll(active).toBe('Spleen');
  });

  it('a range is sampled from tissue, and every tool keeps to it', async () => {
    const {
      desk,
      desk: { page },
    } = tests;
    const range = page.getByRole('group', { name: 'Range' });
    const paint = async (): Promise<number> => {
      await page.keyboard.press('Digit4');
      await page.keyboard.press('b');
      await page.getByRole('spinbutton', { name: 'Radius' }).fill('30');
      await page.keyboard.press('Enter');
      await desk.drag('axial', [
        [0.5, 0.75],
        [0.51, 0.76],
      ]);
      await expect.poll(() => millilitres('Left kidney')).toBeGreaterThan(0);
      const painted = await millilitres('Left kidney');
      await page.keyboard.press('Control+z');
      await expect.poll(() => millilitres('Left kidney')).toBe(0);
      return painted;
    };
    const everything = await paint();
    await page.keyboard.press('j');
    await desk.drag('axial', [
      [0.5, 0.79],
      [0.505, 0.8],
      [0.495, 0.8],
    ]); // in the spine
    await expect
      .poll(async () => Number(await range.getByRole('spinbutton', { name: 'Lower end of the range' }).inputValue()))
      .toBeGreaterThan(150);
    const bone = await paint();
    expect(bone).toBeLessThan(everything / 2);
    await page.keyboard.press('b');
    await range.getByRole('checkbox', { name: 'Only in range' }).click();
    expect(await paint()).toBe(everything);
    await desk.saved();
  });
}
