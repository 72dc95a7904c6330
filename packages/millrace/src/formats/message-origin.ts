/** What a message says of where its change comes from; null where it does not. */
export interface MessageOrigin {
  readonly schema: string | null;
  readonly table: string | null;
  readonly timeMs: number | null;
  readonly transaction: string | null;
}

/** It says nothing. */
export const NO_ORIGIN: MessageOrigin = {
  schema: null,
  table: null,
  timeMs: null,
  transaction: null,
};
