/**
 * How the sink proves who it is. `password` is asked once per physical connection, so that a token is never older than
 * the connection that shows it.
 */
export interface AuthenticationProvider {
  /**
   * The password or token for a new connection. `fresh` says that the last one was refused: whatever is cached (the
   * credentials behind a token) is to be fetched anew.
   */
  password(request: { readonly fresh: boolean }): Promise<string>;
}

/** User and password, for plain PostgreSQL. */
export function passwordAuthentication(password: string): AuthenticationProvider {
  return { password: () => Promise.resolve(password) };
}

/** What is told about tokens, for metrics. */
export interface TokenObserver {
  signed(token: { readonly expiresAtMs: number }): void;
  failed(): void;
}
