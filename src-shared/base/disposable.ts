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

  dispose(): void {
    while (this.#items.length > 0) this.#items.pop()?.dispose();
  }
}
