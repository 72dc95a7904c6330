/** A session at a source's server, as those who keep some see it. */
export interface Session {
  /** Why nothing can be asked on it any more; null while it can. */
  readonly broken: Error | null;
  /** Ends it in good order; never throws. */
  close(): Promise<void>;
  /** Cuts it. */
  destroy(): void;
}
