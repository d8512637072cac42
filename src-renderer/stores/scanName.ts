/** How a scan of a patient is called beside the others. */
export const scanName = ({ date, name }: { readonly date: string | null; readonly name: string }): string => date ?? name;
