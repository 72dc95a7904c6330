/**
 * How the INIT_SYNC of a table stands: what messages tell of it (`dynamodb-envelope`), and what its source may go by. A new
 * object with each change of it, the same one as long as there is none.
 */
export interface InitSync {
  /** When it began: the generation of its rows, milliseconds since 1970. */
  readonly startMs: number;
  /** When the table was SYNC first in this generation, milliseconds since 1970; null while it is being loaded. */
  readonly endMs: number | null;
  /** Rows that it has read and made durable; all of them once it has ended. */
  readonly rows: number;
  /** An earlier one may have left rows at the sink: what deletes them counts, however old it is. */
  readonly isRepeated: boolean;
}
