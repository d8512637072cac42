import type { Client } from '#shared/contract/client.ts';
import type { Activities } from './activities.svelte.ts';

export type CaseRow = Awaited<ReturnType<Client['library']['list']>>['cases'][number];
export type CaseStatus = CaseRow['status'];
export type CaseSort = 'rank' | 'name' | 'status' | 'updatedAt' | 'uncertainty';
/** Which rows the list holds, and in which order. */
export interface CaseFilter {
  readonly text: string;
  readonly status: CaseStatus | 'all';
  readonly sort: CaseSort;
  readonly descending: boolean;
}
export interface Thumbnail {
  readonly width: number;
  readonly height: number;
  readonly gray: Uint8Array;
}

export const statusNames: Record<CaseStatus, string> = {
  unlabelled: 'Unlabelled',
  predicted: 'Predicted',
  inCorrection: 'In correction',
  accepted: 'Accepted',
  excluded: 'Excluded',
};

const pageSize = 200;

/** The worklist: rows are fetched in pages as they come into sight. */
export class CasesStore {
  readonly #client: Client;
  readonly #activities: Activities;
  text = $state('');
  status = $state<CaseStatus | 'all'>('all');
  sort = $state<CaseSort>('rank');
  descending = $state(false);
  total = $state(0);
  loaded = $state(false);
  selected = $state<string | null>(null);
  /** Chosen beside the selected one, for what is done to several at once. */
  also = $state.raw<ReadonlySet<string>>(new Set());
  /** Cases that the person is asked about: whether they are removed for good. */
  removing = $state.raw<readonly string[] | null>(null);
  suggestion = $state.raw<{ readonly caseId: string; readonly reason: string } | null>(null);
  #rows = $state.raw<ReadonlyMap<number, CaseRow>>(new Map());
  readonly #pages = new Set<number>();
  readonly #thumbnails = new Map<string, Promise<Thumbnail | null>>();
  #generation = 0;

  constructor(client: Client, activities: Activities) {
    this.#client = client;
    this.#activities = activities;
    client.on('library.changed', () => void this.reload());
    client.on('library.imported', () => void this.reload());
    client.on('predictions.added', () => void this.reload());
  }

  /** Every case that is chosen. */
  get chosen(): readonly string[] {
    return this.selected === null ? [...this.also] : [...new Set([this.selected, ...this.also])];
  }

  /** Chooses one case alone. */
  choose(caseId: string | null): void {
    this.selected = caseId;
    this.also = new Set();
  }

  /** Takes a case to those that are chosen, or away from them. */
  toggle(caseId: string): void {
    const next = new Set(this.chosen);
    if (!next.delete(caseId)) next.add(caseId);
    this.selected = next.has(caseId) ? caseId : ([...next].at(-1) ?? null);
    this.also = next;
  }

  /** Chooses the rows from one index to another, as far as they are loaded; the last stays the selected one. */
  chooseRows(from: number, to: number): void {
    const ids: string[] = [];
    for (let index = Math.min(from, to); index <= Math.max(from, to); index++) {
      const row = this.#rows.get(index);
      if (row !== undefined) ids.push(row.id);
    }
    this.selected = this.#rows.get(to)?.id ?? this.selected;
    this.also = new Set(ids);
  }

  row(index: number): CaseRow | undefined {
    return this.#rows.get(index);
  }

  /** Row of a case among those that are loaded. */
  find(caseId: string): CaseRow | undefined {
    for (const row of this.#rows.values()) if (row.id === caseId) return row;
    return undefined;
  }

  /** Whether the project has the case, in the list or not. */
  isThere(caseId: string): Promise<boolean> {
    return this.#client.library.get({ caseId }).then(
      () => true,
      () => false,
    );
  }

  /** Reads the list again and keeps what is shown until the new rows are there. */
  async reload(): Promise<void> {
    this.#generation++;
    this.#pages.clear();
    await Promise.all([this.#fetch(0, true), this.#suggest()]);
  }

  /** The list under another filter or order; the suggestion stays. */
  show({ text = this.text, status = this.status, sort = this.sort, descending = this.descending }: Partial<CaseFilter>): void {
    Object.assign(this, { text, status, sort, descending });
    this.#generation++;
    this.#pages.clear();
    void this.#fetch(0, true);
  }

  /** Another order, the one that is expected of it first; the same order the other way round. */
  sortBy(sort: CaseSort): void {
    const falls = sort === 'uncertainty' || sort === 'updatedAt'; // most uncertain, and latest, first
    this.show({ sort, descending: this.sort === sort ? !this.descending : falls });
  }

  /** Makes sure that rows [first, last] are there or on their way. */
  need(first: number, last: number): void {
    for (let page = Math.floor(first / pageSize); page <= Math.floor(last / pageSize); page++) {
      if (page * pageSize < this.total && !this.#pages.has(page)) void this.#fetch(page, false);
    }
  }

  /** Every row of the list, whether it has come into sight or not. */
  async everyRow(): Promise<readonly CaseRow[]> {
    const rows: CaseRow[] = [];
    for (let page = 0; ; page++) {
      const { cases, total } = await this.#client.library.list(this.#request(page));
      rows.push(...cases);
      if (cases.length === 0 || rows.length >= total) return rows;
    }
  }

  thumbnail(caseId: string): Promise<Thumbnail | null> {
    let made = this.#thumbnails.get(caseId);
    if (made === undefined) {
      made = this.#client.library.thumbnail({ caseId }).catch(() => null);
      this.#thumbnails.set(caseId, made);
    }
    return made;
  }

  async update(
    caseIds: readonly string[],
    change: { readonly status?: Exclude<CaseStatus, 'accepted'>; readonly notes?: string; readonly heldOut?: boolean },
  ): Promise<void> {
    try {
      await this.#client.library.update({ caseIds, ...change });
      await this.reload();
    } catch (error) {
      this.#activities.fail(error);
    }
  }

  clear(): void {
    this.#generation++;
    this.#rows = new Map();
    this.#pages.clear();
    this.#thumbnails.clear();
    this.total = 0;
    this.loaded = false;
    this.choose(null);
    this.suggestion = null;
  }

  async #fetch(page: number, replace: boolean): Promise<void> {
    const generation = this.#generation;
    this.#pages.add(page);
    try {
      const answer = await this.#client.library.list(this.#request(page));
      if (generation !== this.#generation) return;
      const rows = new Map(replace ? [] : this.#rows);
      answer.cases.forEach((row, index) => rows.set(page * pageSize + index, row));
      this.#rows = rows;
      this.total = answer.total;
      this.loaded = true;
    } catch (error) {
      this.#pages.delete(page);
      if (generation === this.#generation) this.#activities.fail(error);
    }
  }

  #request(page: number): Parameters<Client['library']['list']>[0] {
    return {
      text: this.text,
      ...(this.status === 'all' ? {} : { statuses: [this.status] }),
      sort: this.sort,
      descending: this.descending,
      offset: page * pageSize,
      limit: pageSize,
    };
  }

  async #suggest(): Promise<void> {
    try {
      this.suggestion = (await this.#client.library.next({})).suggestion;
    } catch {
      this.suggestion = null; // A suggestion is a courtesy; the list works without one.
    }
  }
}
