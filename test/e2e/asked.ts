/** A session that outlives its server. */
import mysql from "mysql2/promise";
import pg from "pg";
import { openSession } from "./sql-session.ts";

/** A session that may break. */
interface Session {
  query(sql: string): Promise<readonly unknown[]>;
  end(): Promise<void>;
}

/** A session that is opened when it is needed, and anew after it broke. The URL tells at what. */
export class Asked {
  readonly #url: string;
  #session: Session | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async query(sql: string): Promise<readonly unknown[]> {
    try {
      this.#session ??= await this.#open();
      return await this.#session.query(sql);
    } catch (error) {
      const isAnswer = error instanceof pg.DatabaseError && !/^(08|57)/.test(error.code ?? "");
      if (!isAnswer) await this.end();
      // The target may not have the table yet, and a server may be away for a while.
      return sql.startsWith("SELECT") ? [] : Promise.reject(error);
    }
  }

  #open(): Promise<Session> {
    const isMysql = new URL(this.#url).protocol === "mysql:";
    return isMysql ? this.#openMysql() : this.#openPostgres();
  }

  async #openPostgres(): Promise<Session> {
    const client = await openSession(this.#url);
    const session: Session = {
      query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
      end: () => client.end(),
    };
    client.on("error", () => this.#broken(session));
    return session;
  }

  async #openMysql(): Promise<Session> {
    const connection = await mysql.createConnection({ uri: this.#url });
    const session: Session = {
      query: async (sql) => {
        const [rows] = await connection.query(sql);
        return Array.isArray(rows) ? rows : [];
      },
      end: () => connection.end(),
    };
    connection.on("error", () => this.#broken(session));
    return session;
  }

  #broken(session: Session): void {
    if (this.#session === session) this.#session = null;
  }

  async end(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.end().catch(() => undefined);
  }
}
