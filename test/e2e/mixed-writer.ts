/**
 * Writes what a count does not do: rows that are made, deleted and given other keys, a table whose columns come and go and whose rows
 * all go at once, and one without a key; in words that every kind of SQL database knows.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Dice } from "./random.ts";
import { lostRace, openClient, patiently, type SqlClient } from "./sql-client.ts";
import { type Comparison, type Row, TopicLedger } from "./topic-ledger.ts";

/** Its tables, and those that a topic's reader cannot follow. */
const ALWAYS = ["moved", "shaped", "keyless"] as const;
const NOT_READ = ["retyped", "refused"] as const;

type KeyedTable = "moved" | "shaped" | (typeof NOT_READ)[number];
type MixedTable = KeyedTable | "keyless";

/** All rows go at once, a column comes, or goes, or is of another type. */
type Reshaping = "truncate" | "column" | "type";

/** A transaction's; what it is given up with where it lost a race. */
interface Words {
  readonly begin: string;
  readonly end: readonly string[];
  readonly keep: string;
  readonly drop: string;
  readonly giveUp: readonly string[];
}

const PLAIN: Words = { begin: "BEGIN", end: ["COMMIT"], keep: "", drop: "", giveUp: ["ROLLBACK"] };

interface MixedOptions {
  /** No column goes again, for a topic's reader drops none. */
  readonly keepsColumns?: boolean;
  /** Between transactions. */
  readonly pauseMs?: number;
  /** Told of what was written, once it is. */
  readonly onWritten?: (text: string) => void;
}

const FIRST_ROWS = 150;
/** Where they stay: less than a table can have. */
const MOST_COLUMNS = 60;
const RESHAPED = { often: 0.03, seldom: 0.01 };
/** Of transactions, these are prepared first, and in doubt for a while. */
const PREPARED = { often: 0.06, mostMs: 400 };
/** Of changes of the table that has some: more than its topic takes ({@link REFUSED_CONFIGS}), whatever compresses it. */
const LARGE = { often: 0.3, chars: 20_000 };
const REFUSED_KEYS = 15;
/** Each that is refused ends a Kafka transaction, which is begun anew. */
const REFUSED = 0.05;
/** What a column is retyped to, each time to the next. */
const TYPES = ["bigint", ...Array.from({ length: 200 }, (_, i) => `varchar(${i + 20})`)];
/** Each is a barrier: where a machine is busy the log would be written faster than it is read. */
const RESHAPED_AT_A_TIME = 6;
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

/** Of the topic of `refused`, which has to be there before. */
export const REFUSED_CONFIGS = { "max.message.bytes": "4000" };

const comparisons: Readonly<Record<MixedTable, Comparison>> = {
  moved: "wrong",
  shaped: "wrongReloaded",
  keyless: "wrongKeyless",
  retyped: "wrongReloaded",
  refused: "wrongRefused",
};

/** What is written and has been; one of its runs is under way at a time. */
export class MixedWriter {
  readonly #ledgers = {
    moved: new TopicLedger(),
    shaped: new TopicLedger(),
    keyless: new TopicLedger(),
    retyped: new TopicLedger(),
    refused: new TopicLedger(),
  };
  readonly #names: readonly MixedTable[];
  readonly #tables: Map<string, TableWritten>;
  readonly #url: string;
  readonly #dice: Dice;
  readonly #keepsColumns: boolean;
  readonly #pauseMs: number;
  readonly #onWritten: (text: string) => void;
  /** Rows that there are, by key. */
  readonly #rows: Readonly<Record<KeyedTable, Map<number, Row>>> = {
    moved: new Map(),
    shaped: new Map(),
    retyped: new Map(),
    refused: new Map(),
  };
  /** Keys of `refused` whose row is larger than its topic takes. */
  readonly #large = new Set<number>();
  #types = 0;
  #ids = 0;
  #writes = 0;
  /** Those that `shaped` has beside its first, the latest of them the last. */
  #columns: string[] = [];
  #next: Reshaping | null = null;

  constructor(
    url: string,
    dice: Dice,
    { keepsColumns = false, pauseMs = PAUSE_MS, onWritten = () => {} }: MixedOptions = {},
  ) {
    this.#url = url;
    this.#dice = dice;
    this.#keepsColumns = keepsColumns;
    this.#pauseMs = pauseMs;
    this.#onWritten = onWritten;
    this.#names = keepsColumns ? ALWAYS : [...ALWAYS, ...NOT_READ];
    this.#tables = new Map(
      this.#names.map((table) => [
        table,
        { ledger: this.#ledgers[table], compare: comparisons[table] },
      ]),
    );
  }

  /** By its name. */
  get tables(): ReadonlyMap<string, TableWritten> {
    return this.#tables;
  }

  /** Makes the tables, each with rows to load. */
  async make(): Promise<void> {
    await this.#withClient(async (client) => {
      for (const table of this.#names) {
        await this.#create(client, table, table === "keyless");
        const rows = table === "refused" ? REFUSED_KEYS : FIRST_ROWS;
        const steps = Array.from({ length: rows }, () => this.#insert(table));
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
    this.#onWritten(`${table}: ${rows} rows`);
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
    let left = RESHAPED_AT_A_TIME;
    await this.#withClient(async (client) => {
      while (!signal.aborted) {
        const isDrawn = this.#dice.chance(chance);
        const next = this.#next ?? (isDrawn && left-- > 0 ? this.#reshaping() : null);
        this.#next = null;
        if (next === null) await this.#commit(client, this.#steps());
        else await this.#reshape(client, next);
        await sleep(this.#pauseMs);
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
    const more = table === "retyped" ? ", v int" : table === "refused" ? ", pad text" : "";
    await client.query(`CREATE TABLE ${table} (id int NOT NULL${key}, w int NOT NULL${more})`);
    // PostgreSQL would refuse changes of rows that nothing tells apart.
    if (isKeyless && !isMysql(this.#url))
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
    const isPrepared = this.#dice.chance(PREPARED.often);
    const words = isPrepared ? this.#prepared() : PLAIN;
    try {
      await client.query([words.begin, ...steps.map(({ sql }) => sql), ...words.end].join(";"));
    } catch (error) {
      if (!lostRace(error)) throw error;
      for (const word of words.giveUp) await client.query(word).catch(() => undefined);
      return;
    }
    const written = steps.map(({ sql }) => sql).join("; ");
    this.#onWritten(isPrepared ? `${written}; ${words.end.join("; ")}` : written);
    if (isPrepared) {
      await sleep(this.#dice.between(0, PREPARED.mostMs));
      const isKept = this.#dice.chance(0.7);
      const end = isKept ? words.keep : words.drop;
      await client.query(end);
      this.#onWritten(end);
      if (!isKept) return;
    }
    for (const step of steps) step.note();
  }

  /** In doubt between its two ends. Names are of the whole server. */
  #prepared(): Words {
    const name = `'${new URL(this.#url).pathname.slice(1)}-${++this.#writes}'`;
    return isMysql(this.#url)
      ? {
          begin: `XA START ${name}`,
          end: [`XA END ${name}`, `XA PREPARE ${name}`],
          keep: `XA COMMIT ${name}`,
          drop: `XA ROLLBACK ${name}`,
          giveUp: [`XA END ${name}`, `XA ROLLBACK ${name}`],
        }
      : {
          begin: "BEGIN",
          end: [`PREPARE TRANSACTION ${name}`],
          keep: `COMMIT PREPARED ${name}`,
          drop: `ROLLBACK PREPARED ${name}`,
          giveUp: ["ROLLBACK"],
        };
  }

  /** On rows of their own each: what one does, the next does not know of yet. */
  #steps(): readonly Step[] {
    const grows = this.#names.filter((table) => table !== "refused");
    const steps = [this.#insert(this.#dice.pick(grows))];
    for (const table of this.#names) {
      if (table === "keyless" || (table === "refused" && !this.#dice.chance(REFUSED))) continue;
      const keys = [...this.#rows[table].keys()];
      const most = table === "refused" ? 1 : 3;
      const touched = new Set(Array.from({ length: most }, () => this.#dice.pick([-1, ...keys])));
      touched.delete(-1);
      for (const id of touched) steps.push(this.#touch(table, id));
    }
    return steps;
  }

  #touch(table: KeyedTable, id: number): Step {
    if (table === "refused") return this.#pad(id);
    const isMany = this.#rows[table].size > ROWS;
    if (this.#dice.chance(isMany ? 0.4 : 0.1)) return this.#delete(table, id);
    if (table === "moved" && this.#dice.chance(0.4)) return this.#move(id);
    return this.#update(table, id);
  }

  /** A message of a MySQL has what the row was before, too. */
  #pad(id: number): Step {
    const w = ++this.#writes;
    const isLarge = this.#dice.chance(LARGE.often);
    const pad = isLarge ? `'${this.#noise()}'` : "NULL";
    return {
      sql: `UPDATE refused SET w = ${w}, pad = ${pad} WHERE id = ${id}`,
      note: () => {
        const isRefused = isLarge || (isMysql(this.#url) && this.#large.has(id));
        if (isLarge) this.#large.add(id);
        else this.#large.delete(id);
        if (!isRefused) this.#ledgers.refused.wrote("u", id, { w });
        else if (!isLarge) this.#ledgers.refused.unsaid(id, { w });
      },
    };
  }

  /** What no compression makes small. */
  #noise(): string {
    const digits = Array.from({ length: LARGE.chars }, () =>
      this.#dice.between(0, 15).toString(16),
    );
    return digits.join("");
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

  #update(table: Exclude<KeyedTable, "refused">, id: number): Step {
    const w = ++this.#writes;
    const column = { shaped: this.#columns.at(-1), retyped: "v", moved: undefined }[table];
    const more = column === undefined ? {} : { [column]: w };
    const set = Object.entries({ w, ...more }).map(([name, value]) => `${name} = ${value}`);
    return {
      sql: `UPDATE ${table} SET ${set.join(", ")} WHERE id = ${id}`,
      note: () => this.#wrote(table, id, { ...this.#rows[table].get(id), w, ...more }),
    };
  }

  #wrote(table: KeyedTable, id: number, row: Row): void {
    this.#rows[table].set(id, row);
    this.#ledgers[table].wrote("u", id, row);
  }

  #delete(table: KeyedTable, id: number): Step {
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
    if (!this.#keepsColumns && this.#dice.chance(0.2)) return "type";
    return this.#columns.length >= MOST_COLUMNS || this.#dice.chance(0.3) ? "truncate" : "column";
  }

  async #reshape(client: SqlClient, how: Reshaping): Promise<void> {
    const { shaped } = this.#rows;
    if (how === "truncate") {
      await this.#alter(client, "TRUNCATE TABLE shaped");
      this.#ledgers.shaped.truncated();
      shaped.clear();
    } else if (how === "type") {
      const type = TYPES[this.#types++ % TYPES.length] ?? "";
      const word = isMysql(this.#url) ? "MODIFY v" : "ALTER v TYPE";
      await this.#alter(client, `ALTER TABLE retyped ${word} ${type}`);
    } else if (this.#columns.length === 0 || this.#keepsColumns) {
      const column = `a${++this.#ids}`;
      await this.#alter(client, `ALTER TABLE shaped ADD COLUMN ${column} int`);
      this.#columns.push(column);
    } else {
      const [column = ""] = this.#columns;
      await this.#alter(client, `ALTER TABLE shaped DROP COLUMN ${column}`);
      this.#columns = [];
      for (const [id, { [column]: _, ...row }] of shaped) shaped.set(id, row);
      this.#ledgers.shaped.dropped(column);
    }
  }

  async #alter(client: SqlClient, sql: string): Promise<void> {
    await patiently(client, sql);
    this.#onWritten(sql);
  }
}

function isMysql(url: string): boolean {
  return new URL(url).protocol === "mysql:";
}
