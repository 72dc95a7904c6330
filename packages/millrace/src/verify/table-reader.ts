/** One row of an answer, every value as the server's text. */
export type TextRow = readonly (string | null)[];

/**
 * What `verify` reads through: one session of a SQL database. Queries come one at a time.
 * Its implementations are made by who composes, from the connections of source and sink.
 */
export interface TableReader {
  /** `dsql` knows the C collation alone. */
  readonly dialect: "postgres" | "dsql";
  /** Runs one statement; parameters are text, `$1` first. */
  query(sql: string, parameters: readonly string[]): Promise<readonly TextRow[]>;
}

/** The part of a `pg` client that {@link readerOver} uses. */
export interface TextQueryClient {
  query(request: {
    readonly text: string;
    readonly values: string[];
    readonly rowMode: "array";
    readonly types: { readonly getTypeParser: () => (text: string) => string };
  }): Promise<{ readonly rows: readonly unknown[][] }>;
}

/** A reader over a connected `pg` client that nobody else uses meanwhile. */
export function readerOver(client: TextQueryClient, dialect: TableReader["dialect"]): TableReader {
  return {
    dialect,
    async query(sql, parameters) {
      const { rows } = await client.query({
        text: sql,
        values: [...parameters],
        rowMode: "array",
        types: { getTypeParser: () => (text) => text },
      });
      return rows.map((row) => row.map((value) => (typeof value === "string" ? value : null)));
    },
  };
}

/** Makes both servers print values alike, whatever the role's or the database's own settings are. */
export async function settleTextForms(reader: TableReader): Promise<void> {
  for (const [name, value] of textForms) await reader.query(`SET ${name} = ${value}`, []);
}

const textForms: readonly (readonly [string, string])[] = [
  ["datestyle", "'ISO, MDY'"],
  ["intervalstyle", "'postgres'"],
  ["timezone", "'UTC'"],
  ["extra_float_digits", "1"],
];
