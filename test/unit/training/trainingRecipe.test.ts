import { expect, it } from 'vitest';
import { recipes } from '#shared/domain/trainConfig.ts';
import { adjustRecipe } from '#main/training/trainingRecipe.ts';

it('replaces numbers of a recipe and of its augmentation by name', () => {
  const changed = adjustRecipe(recipes.standard, { learningRate: 0.001, gamma: 2, mirror: false, noise: undefined });
  expect(changed).toEqual({
    ...recipes.standard,
    learningRate: 0.001,
    augmentation: { ...recipes.standard.augmentation, gamma: 2, mirror: false },
  });
  expect(adjustRecipe(recipes.standard, {})).toEqual(recipes.standard);
});
