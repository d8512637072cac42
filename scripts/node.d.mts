export const root: string;
export const ownNode: string;
export function nodeHeaders(): string | undefined;
