/** Bytes that one holder took out of the budget; given back in parts as the work becomes durable. */
export interface ByteAccount {
  /**
   * Resolves when `bytes` fit under this account's share and the whole budget. A piece larger than the share is let in
   * once the account is empty, so that one large row can pass alone.
   */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
  /** True when `take` would resolve at once; then the bytes are taken. The hot path's way without a promise. */
  tryTake(bytes: number): boolean;
  give(bytes: number): void;
  /** Gives back all that is left; the account's holder has ended, and what it still takes or gives is not counted. */
  close(): void;
  readonly usedBytes: number;
}

interface Waiter {
  readonly account: Account;
  readonly bytes: number;
  readonly resolve: () => void;
}

/**
 * One memory budget for the whole process (I10). Log and chunks have accounts with shares of their own, so that a
 * load can never starve the log. Waiters are served in order of arrival, per account.
 */
export class ByteBudget {
  readonly limitBytes: number;
  #used = 0;
  #waiters: Waiter[] = [];

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** A new account that may hold at most `share` (0–1] of the budget. */
  account(share: number): ByteAccount {
    return new Account(this, Math.max(1, Math.floor(this.limitBytes * share)));
  }

  /** @internal */
  tryTake(account: Account, bytes: number): boolean {
    if (this.#waiters.some((w) => w.account === account)) return false;
    return this.#admit(account, bytes);
  }

  /** @internal */
  take(account: Account, bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.tryTake(account, bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#waiters = this.#waiters.filter((w) => w !== waiter);
        reject(signal?.reason);
        this.#wake();
      };
      const waiter: Waiter = {
        account,
        bytes,
        resolve: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#waiters.push(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** @internal */
  give(account: Account, bytes: number): void {
    account.usedBytes -= bytes;
    this.#used -= bytes;
    if (this.#waiters.length > 0) this.#wake();
  }

  #admit(account: Account, bytes: number): boolean {
    const fits =
      account.usedBytes === 0 ||
      (account.usedBytes + bytes <= account.shareBytes && this.#used + bytes <= this.limitBytes);
    if (!fits) return false;
    account.usedBytes += bytes;
    this.#used += bytes;
    return true;
  }

  #wake(): void {
    const blocked = new Set<Account>();
    const left: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (!blocked.has(waiter.account) && this.#admit(waiter.account, waiter.bytes))
        waiter.resolve();
      else {
        blocked.add(waiter.account);
        left.push(waiter);
      }
    }
    this.#waiters = left;
  }
}

class Account implements ByteAccount {
  readonly shareBytes: number;
  usedBytes = 0;
  readonly #budget: ByteBudget;
  #closed = false;

  constructor(budget: ByteBudget, shareBytes: number) {
    this.#budget = budget;
    this.shareBytes = shareBytes;
  }

  take(bytes: number, signal?: AbortSignal): Promise<void> {
    return this.#closed ? Promise.resolve() : this.#budget.take(this, bytes, signal);
  }

  tryTake(bytes: number): boolean {
    return this.#closed || this.#budget.tryTake(this, bytes);
  }

  give(bytes: number): void {
    if (!this.#closed) this.#budget.give(this, bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.give(this, this.usedBytes);
  }
}
