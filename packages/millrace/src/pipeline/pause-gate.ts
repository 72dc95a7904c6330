/** Where readers wait while the task is paused. */
export class PauseGate {
  #closed: PromiseWithResolvers<void> | null = null;

  /** Resolves at once unless the gate is closed. */
  readonly passed = (): Promise<void> => this.#closed?.promise ?? Promise.resolve();

  get closed(): boolean {
    return this.#closed !== null;
  }

  close(): void {
    this.#closed ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.#closed?.resolve();
    this.#closed = null;
  }
}
