import { StudioError } from '#shared/base/errors.ts';
import { recipes, type LossName, type Recipe } from '#shared/domain/trainConfig.ts';
import { blockNames, variantNames, type ArchitectureConfig, type VariantName } from '#shared/domain/modelCard.ts';
import { isVariantName } from '#main/model/variants.ts';

/** The arm that changes nothing. */
export const unchanged = 'standard';

export interface RecipeChange {
  readonly recipe: Recipe;
  readonly loss?: LossName;
  readonly network?: VariantName;
  /** Names of the images that the network takes. */
  readonly channels?: readonly string[];
  /** What the network has otherwise than its variant. */
  readonly shape?: Partial<Pick<ArchitectureConfig, 'dims' | 'topWidth' | 'block' | 'features'>>;
}

const { augmentation, ...standard } = recipes.standard;

/**
 * What an arm changes of a recipe, the standard one unless given: NAME=VALUE, with commas between several; a number of the recipe or of its augmentation,
 * mirror=false, loss=paper, network=NAME, dims=32-64-128, topWidth=NUMBER, block=authors,
 * features=NUMBER or channels=NAME+NAME. Throws `invalid-argument` for anything else.
 */
export function changeOf(arm: string, recipe: Recipe = recipes.standard): RecipeChange {
  let change: RecipeChange = { recipe };
  if (arm === unchanged) return change;
  for (const part of arm.split(',')) {
    const [name = '', value = ''] = part.split('=');
    if (name === 'loss' && value === 'paper') change = { ...change, loss: value };
    else if (name === 'network' && isVariantName(value)) change = { ...change, network: value };
    else if (name === 'channels' && value !== '') change = { ...change, channels: value.split('+') };
    else if (shapeOf(name, value) !== undefined) change = { ...change, shape: { ...change.shape, ...shapeOf(name, value) } };
    else change = { ...change, recipe: withNumber(change.recipe, name, value) };
  }
  return change;
}

function shapeOf(name: string, value: string): RecipeChange['shape'] {
  const block = blockNames.find((each) => each === value);
  if (name === 'block') return block && { block };
  const numbers = value.split('-').map(Number);
  if (numbers.some((number) => !Number.isInteger(number) || number < 1)) return undefined;
  if (name === 'dims') return { dims: numbers };
  return (name === 'topWidth' || name === 'features') && numbers.length === 1 ? { [name]: numbers[0] } : undefined;
}

function withNumber(recipe: Recipe, name: string, value: string): Recipe {
  const number = Number(value);
  if (name === 'mirror' && (value === 'true' || value === 'false'))
    return { ...recipe, augmentation: { ...recipe.augmentation, mirror: value === 'true' } };
  if (value !== '' && Number.isFinite(number)) {
    if (Object.hasOwn(standard, name)) return { ...recipe, [name]: number };
    if (Object.hasOwn(augmentation, name)) return { ...recipe, augmentation: { ...recipe.augmentation, [name]: number } };
  }
  throw new StudioError(
    'invalid-argument',
    `"${name}=${value}" is no change of the recipe: it has ${[...Object.keys(standard), ...Object.keys(augmentation)].join(', ')}, loss=paper, network=${variantNames.join('|')}, dims=NUMBER-NUMBER-NUMBER, topWidth=NUMBER, block=${blockNames.join('|')}, features=NUMBER and channels=NAME+NAME.`,
  );
}
