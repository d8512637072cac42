import { untrack } from 'svelte';
import { DisposableStore } from '#shared/base/disposable.ts';

/** An effect whose run makes things that go before its next one. */
export function scoped(run: (scope: DisposableStore) => void): void {
  $effect(() => {
    const scope = new DisposableStore();
    run(scope);
    return () => untrack(() => scope.dispose());
  });
}
