/**
 * Writes what a count does not do: rows that are made, deleted and given other keys, a table whose columns come and go and whose rows
 * all go at once, and one without a key; in words that every kind of SQL database knows.
 */
import type { Dice } from "./random.ts";
import { lostRace, openClient, patiently, type SqlClient } from "./sql-client.ts";
import { type Comparison, type Row, TopicLedger } from "./topic-ledger.ts";

/** Its tables. */
const tables = ["moved", "shaped", "keyless"] as const;

type MixedTable = (typeof tables)[number];

/** All rows go at once, or a column comes, or goes. */
type Reshaping = "truncate" | "column";

interface MixedOptions {
  /** No column goes again, for a topic's reader drops none. */
  readonly keepsColumns?: boolean;
}

const FIRST_ROWS = 150;
/** Where they stay: less than a table can have. */
const MOST_COLUMNS = 60;
const RESHAPED = { often: 0.03, seldom: 0.01 };
/** Rows that a table of changes keeps, about. */
const ROWS = 60;
const PAUSE_MS = 10;

/** What a transaction does, and what is noted of it once it is committed. */
interface Step {
  readonly sql: string;
  note(): void;
}

/** What was written to a table. */
interface TableWritten {
  readonly ledger: TopicLedger;
  readonly compare: Comparison;
}

/** What is written and has been; one of its runs is under way at a time. */
export class MixedWriter {
  readonly #ledgers = {
    moved: new TopicLedger(),
    shaped: new TopicLedger(),
    keyless: new TopicLedger(),
  };
  readonly #tables: Map<string, TableWritten>;
  readonly #url: string;
  readonly #dice: Dice;
  readonly #keepsColumns: boolean;
  /** Rows that there are, by key. */
  readonly #rows = { moved: new Map<number, Row>(), shaped: new Map<number, Row>() };
  #ids = 0;
  #writes = 0;
  /** Those that `shaped` has beside its first, the latest of them the last. */
  #columns: string[] = [];
  #next: Reshaping | null = null;

  constructor(url: string, dice: Dice, { keepsColumns = false }: MixedOptions = {}) {
    this.#url = url;
    this.#dice = dice;
    this.#keepsColumns = keepsColumns;
    const comparisons: Readonly<Record<MixedTable, Comparison>> = {
      moved: "wrong",
      shaped: keepsColumns ? "wrong" : "wrongEnds",
      keyless: "wrongKeyless",
    };
    this.#tables = new Map(
      tables.map((table) => [table, { ledger: this.#ledgers[table], compare: comparisons[table] }]),
    );
  }

  /** By its name. */
  get tables(): ReadonlyMap<string, TableWritten> {
    return this.#tables;
  }

  /** Makes the tables, each with rows to load. */
  async make(): Promise<void> {
    await this.#withClient(async (client) => {
      for (const table of tables) {
        await this.#create(client, table, table === "keyless");
        const steps = Array.from({ length: FIRST_ROWS }, () => this.#insert(table));
        await this.#commit(client, steps);
      }
    });
  }

  /** Another table, whose rows stay as they are. */
  async makeLater(table: string, rows: number, kind: "keyed" | "keyless" = "keyed"): Promise<void> {
    const ledger = new TopicLedger();
    const isKeyless = kind === "keyless";
    await this.#withClient(async (client) => {
      const values = Array.from({ length: rows }, (_, i) => `(${i + 1}, ${i + 1})`);
      await this.#create(client, table, isKeyless);
      await client.query(`INSERT INTO ${table} VALUES ${values.join(", ")}`);
    });
    for (let id = 1; id <= rows; id++) ledger.wrote("c", id, { w: id });
    this.#tables.set(table, { ledger, compare: isKeyless ? "wrongKeyless" : "wrong" });
  }

  /** Every table is loaded: what is written from now on the log has to tell. */
  loaded(): void {
    for (const { ledger } of this.#tables.values()) ledger.isLoaded = true;
  }

  /** The next that is written is another shape of the table that has some. */
  reshapeNext(how: Reshaping): void {
    this.#next = how;
  }

  /** Writes until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const chance = this.#keepsColumns ? RESHAPED.seldom : RESHAPED.often;
    await this.#withClient(async (client) => {
      while (!signal.aborted) {
        const isDrawn = this.#dice.chance(chance);
        const next = this.#next ?? (isDrawn ? this.#reshaping() : null);
        this.#next = null;
        if (next === null) await this.#commit(client, this.#steps());
        else await this.#reshape(client, next);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    });
  }

  /** A schema change may be told with the next row only, and a column's type by a value alone. */
  async last(): Promise<void> {
    const id = ++this.#ids;
    const w = ++this.#writes;
    const row: Row = Object.fromEntries(["w", ...this.#columns].map((name) => [name, w]));
    const names = ["id", ...Object.keys(row)];
    const step: Step = {
      sql: `INSERT INTO shaped (${names.join(", ")}) VALUES (${[id, ...Object.values(row)].join(", ")})`,
      note: () => this.#ledgers.shaped.wrote("c", id, row),
    };
    await this.#withClient((client) => this.#commit(client, [step]));
  }

  async #create(client: SqlClient, table: string, isKeyless: boolean): Promise<void> {
    const key = isKeyless ? "" : " PRIMARY KEY";
    await client.query(`CREATE TABLE ${table} (id int NOT NULL${key}, w int NOT NULL)`);
    // PostgreSQL would refuse changes of rows that nothing tells apart.
    if (isKeyless && new URL(this.#url).protocol !== "mysql:")
      await client.query(`ALTER TABLE ${table} REPLICA IDENTITY FULL`);
  }

  async #withClient(work: (client: SqlClient) => Promise<void>): Promise<void> {
    const client = await openClient(this.#url);
    try {
      await work(client);
    } finally {
      await client.end();
    }
  }

  /** One transaction. One that loses a race is rolled back, and nothing of it was written. */
  async #commit(client: SqlClient, steps: readonly Step[]): Promise<void> {
    try {
      await client.query(["BEGIN", ...steps.map(({ sql }) => sql), "COMMIT"].join(";"));
    } catch (error) {
      if (!lostRace(error)) throw error;
      return await client.query("ROLLBACK").then(() => undefined);
    }
    for (const step of steps) step.note();
  }

  /** On rows of their own each: what one does, the next does not know of yet. */
  #steps(): readonly Step[] {
    const steps = [this.#insert(this.#dice.pick(tables))];
    for (const table of ["moved", "shaped"] as const) {
      const keys = [...this.#rows[table].keys()];
      const touched = new Set(Array.from({ length: 3 }, () => this.#dice.pick([-1, ...keys])));
      touched.delete(-1);
      for (const id of touched) steps.push(this.#touch(table, id));
    }
    return steps;
  }

  #touch(table: "moved" | "shaped", id: number): Step {
    const isMany = this.#rows[table].size > ROWS;
    if (this.#dice.chance(isMany ? 0.4 : 0.1)) return this.#delete(table, id);
    if (table === "moved" && this.#dice.chance(0.4)) return this.#move(id);
    return this.#update(table, id);
  }

  #insert(table: MixedTable): Step {
    const id = ++this.#ids;
    const row = { w: ++this.#writes };
    return {
      sql: `INSERT INTO ${table} (id, w) VALUES (${id}, ${row.w})`,
      note: () => {
        this.#ledgers[table].wrote("c", id, row);
        if (table !== "keyless") this.#rows[table].set(id, row);
      },
    };
  }

  #update(table: "moved" | "shaped", id: number): Step {
    const w = ++this.#writes;
    const column = table === "shaped" ? this.#columns.at(-1) : undefined;
    const more = column === undefined ? {} : { [column]: w };
    const set = Object.entries({ w, ...more }).map(([name, value]) => `${name} = ${value}`);
    return {
      sql: `UPDATE ${table} SET ${set.join(", ")} WHERE id = ${id}`,
      note: () => this.#wrote(table, id, { ...this.#rows[table].get(id), w, ...more }),
    };
  }

  #wrote(table: "moved" | "shaped", id: number, row: Row): void {
    this.#rows[table].set(id, row);
    this.#ledgers[table].wrote("u", id, row);
  }

  #delete(table: "moved" | "shaped", id: number): Step {
    return {
      sql: `DELETE FROM ${table} WHERE id = ${id}`,
      note: () => {
        this.#rows[table].delete(id);
        this.#ledgers[table].deleted(id);
      },
    };
  }

  /** Another key: the row of the old one is gone, and that of the new one made. Some come back to a key that was theirs. */
  #move(id: number): Step {
    const to = this.#rows.moved.has(-id) || this.#dice.chance(0.5) ? ++this.#ids : -id;
    const row = { w: ++this.#writes };
    return {
      sql: `UPDATE moved SET id = ${to}, w = ${row.w} WHERE id = ${id}`,
      note: () => {
        this.#rows.moved.delete(id);
        this.#rows.moved.set(to, row);
        this.#ledgers.moved.deleted(id);
        this.#ledgers.moved.wrote("c", to, row);
      },
    };
  }

  #reshaping(): Reshaping {
    return this.#columns.length >= MOST_COLUMNS || this.#dice.chance(0.3) ? "truncate" : "column";
  }

  async #reshape(client: SqlClient, how: Reshaping): Promise<void> {
    const { shaped } = this.#rows;
    if (how === "truncate") {
      await patiently(client, "TRUNCATE TABLE shaped");
      this.#ledgers.shaped.truncated();
      shaped.clear();
    } else if (this.#columns.length === 0 || this.#keepsColumns) {
      const column = `a${++this.#ids}`;
      await patiently(client, `ALTER TABLE shaped ADD COLUMN ${column} int`);
      this.#columns.push(column);
    } else {
      const [column = ""] = this.#columns;
      await patiently(client, `ALTER TABLE shaped DROP COLUMN ${column}`);
      this.#columns = [];
      for (const [id, { [column]: _, ...row }] of shaped) shaped.set(id, row);
    }
  }
}
