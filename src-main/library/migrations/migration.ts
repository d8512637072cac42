/** One numbered step of the schema. Once released it is never edited: what comes later is a new step. */
export interface Migration {
  /** 1, 2, 3 and so on: SQLite's user_version afterwards. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}
