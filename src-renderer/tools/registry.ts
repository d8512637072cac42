import { brushTools } from './brush.ts';
import { measureTools } from './measure.ts';
import { navigationTools } from './navigation.ts';
import { outlineTools } from './outline.ts';
import { operationTools } from './operations.ts';
import { promptTools } from './prompts.ts';
import { regionTools } from './region.ts';
import { sampleTools } from './sampleRange.ts';
import type { Tool } from './types.ts';

/** Every tool, in the order of the palette. */
export const tools: readonly Tool[] = [
  ...navigationTools,
  ...measureTools,
  ...sampleTools,
  ...brushTools,
  ...outlineTools,
  ...promptTools,
  ...regionTools,
  ...operationTools,
];

export function toolById(id: string): Tool | undefined {
  return tools.find((tool) => tool.id === id);
}
