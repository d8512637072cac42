import { defined } from '#shared/base/defined.ts';
import type { Augmentation, Recipe } from '#shared/domain/trainConfig.ts';

type Given<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

/** Numbers of a recipe and of its augmentation that are replaced. */
export type RecipeAdjustment = Given<Omit<Recipe, 'batch' | 'augmentation'>> & Given<Augmentation>;

/** A recipe with some of its numbers replaced. */
export function adjustRecipe(recipe: Recipe, adjustment: RecipeAdjustment): Recipe {
  const given = Object.entries(defined(adjustment));
  const ofAugmentation = given.filter(([name]) => Object.hasOwn(recipe.augmentation, name));
  const own = given.filter(([name]) => !Object.hasOwn(recipe.augmentation, name));
  return { ...recipe, ...Object.fromEntries(own), augmentation: { ...recipe.augmentation, ...Object.fromEntries(ofAugmentation) } };
}
