/**
 * Begins work with a press of a button, and does nothing with a second one before it is done, nor with the second of a double click, which may
 * fall on what stands there by then: taking back two models, excluding a case and including it again.
 */
export function once(work: () => Promise<unknown>): (event: MouseEvent) => void {
  let busy = false;
  return ({ detail: clicks }) => {
    if (busy || clicks > 1) return;
    busy = true;
    void work().finally(() => {
      busy = false;
    });
  };
}
