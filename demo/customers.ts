/** One thing that customers do; each is a transaction. */
export interface Act {
  readonly weight: number;
  readonly changes: number;
  readonly sql: readonly string[];
}

/** Where customers are served. */
export interface Till {
  /** One transaction; rejects where it was rolled back. */
  transact(statements: readonly string[]): Promise<void>;
  end(): Promise<void>;
}

/** What they do at PostgreSQL. */
export const POSTGRES_ACTS: readonly Act[] = [
  {
    weight: 5,
    changes: 3,
    sql: [
      `WITH o AS (INSERT INTO orders (customer, total, note)
         SELECT id, 10 + random() * 100, 'placed while it runs' FROM customers ORDER BY id OFFSET floor(random() * (SELECT count(*) - 1 FROM customers)) LIMIT 1 RETURNING id)
       INSERT INTO order_lines SELECT o.id, l, (SELECT sku FROM products OFFSET floor(random() * 499) LIMIT 1), l, 9.99 FROM o, generate_series(1, 2) l`,
    ],
  },
  {
    weight: 6,
    changes: 1,
    sql: [
      `UPDATE orders SET status = (enum_range(null::order_status))[1 + floor(random() * 5)]
       WHERE id = (SELECT id FROM orders WHERE id >= gen_random_uuid() ORDER BY id LIMIT 1)`,
    ],
  },
  {
    weight: 2,
    changes: 1,
    sql: [
      `UPDATE products SET price = price + 0.01, changed = now() WHERE sku = 'SKU-' || lpad((1 + floor(random() * 500))::text, 5, '0')`,
    ],
  },
  {
    weight: 1,
    changes: 3,
    sql: [
      `DELETE FROM orders WHERE id = (SELECT id FROM orders WHERE id >= gen_random_uuid() ORDER BY id LIMIT 1)`,
    ],
  },
  {
    weight: 1,
    changes: 1,
    sql: [`INSERT INTO customers (email, name) VALUES ('new@example.com', 'New customer')`],
  },
];

/** Uses the shop at about `rate` changes a second until `stop`. */
export class Customers {
  readonly #till: Till;
  readonly #acts: readonly Act[];
  readonly #rate: number;
  #timer: NodeJS.Timeout | null = null;
  #owed = 0;
  #under = new Set<Promise<void>>();
  changes = 0;

  constructor(till: Till, acts: readonly Act[], rate: number) {
    this.#till = till;
    this.#acts = acts;
    this.#rate = rate;
  }

  start(): void {
    if (this.#rate > 0) this.#timer = setInterval(() => this.#tick(), 20);
  }

  /** Resolves when the last transaction has ended. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await Promise.all(this.#under);
    await this.#till.end();
  }

  #tick(): void {
    this.#owed = Math.min(this.#owed + this.#rate / 50, this.#rate);
    while (this.#owed >= 1 && this.#under.size < 8) {
      const act = pick(this.#acts);
      this.#owed -= act.changes;
      const work = this.#act(act.sql).then((done) => {
        if (done) this.changes += act.changes;
        this.#under.delete(work);
      });
      this.#under.add(work);
    }
  }

  /** False where two customers wanted the same thing and one of them had to give way. */
  async #act(statements: readonly string[]): Promise<boolean> {
    try {
      await this.#till.transact(statements);
      return true;
    } catch {
      return false;
    }
  }
}

function pick(acts: readonly Act[]): Act {
  let left = Math.random() * acts.reduce((sum, act) => sum + act.weight, 0);
  for (const act of acts) if ((left -= act.weight) < 0) return act;
  throw new Error("no act has any weight");
}
