/** Controls that no test has pressed yet and seen the effect of, sorted. The list may only shrink: a line that is not true any more fails. */
// prettier-ignore
export const unpressed: readonly string[] = [
];
