import { expect, it } from 'vitest';
import { recipes } from '#shared/domain/trainConfig.ts';
import { changeOf } from '#main/lab/recipeChange.ts';

it('reads what an arm changes of the standard recipe', () => {
  const { standard } = recipes;
  expect(changeOf('standard')).toEqual({ recipe: standard });
  expect(changeOf('loss=paper,network=unet')).toEqual({ recipe: standard, loss: 'paper', network: 'unet' });
  expect(changeOf('learningRate=0.002,rotation=0,mirror=false').recipe).toEqual({
    ...standard,
    learningRate: 0.002,
    augmentation: { ...standard.augmentation, rotation: 0, mirror: false },
  });
  expect(changeOf('dims=32-64-128,topWidth=16')).toEqual({ recipe: standard, shape: { dims: [32, 64, 128], topWidth: 16 } });
  expect(changeOf('classWeightPower=0.25,classWeightLimit=5').recipe).toEqual({ ...standard, classWeightPower: 0.25, classWeightLimit: 5 });
  expect(changeOf('channels=T1+FLAIR')).toEqual({ recipe: standard, channels: ['T1', 'FLAIR'] });
  for (const wrong of ['learningRate', 'learningRate=fast', 'colour=1', 'loss=none', 'dims=32-x', 'topWidth=1-2', ''])
    expect(() => changeOf(wrong)).toThrow(/no change/);
});
