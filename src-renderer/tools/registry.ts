import { brushTools } from './brush.ts';
import { navigationTools } from './navigation.ts';
import { outlineTools } from './outline.ts';
import { operationTools } from './operations.ts';
import { regionTools } from './region.ts';
import type { Tool } from './types.ts';

/** Every tool, in the order of the palette. */
export const tools: readonly Tool[] = [...navigationTools, ...brushTools, ...outlineTools, ...regionTools, ...operationTools];

export function toolById(id: string): Tool | undefined {
  return tools.find((tool) => tool.id === id);
}
