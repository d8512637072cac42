/** Something that holds a resource outside the garbage collector's reach. Disposing twice does nothing. */
export interface Disposable {
  dispose(): void;
}

/** Collects disposables and disposes them in reverse order. */
export class DisposableStore implements Disposable {
  readonly #items: Disposable[] = [];

  add<T extends Disposable>(item: T): T {
    this.#items.push(item);
    return item;
  }

  /** Disposes one of them before the others. */
  release(item: Disposable): void {
    const at = this.#items.indexOf(item);
    if (at >= 0) this.#items.splice(at, 1);
    item.dispose();
  }

  dispose(): void {
    while (this.#items.length > 0) this.#items.pop()?.dispose();
  }
}
