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

/** DSQL lets a session meet each change of the catalogue once, as 40001 (OC001): reads are simply asked again. */
const maxAttempts = 5;

/**
 * A reader over a connected `pg` client that nobody else uses meanwhile. `explain` gives what befalls it a name; what a value
 * is refused for stays as it is, for who asked with it.
 */
export function readerOver(
  client: TextQueryClient,
  dialect: TableReader["dialect"],
  explain: (error: unknown) => unknown,
): TableReader {
  const once = async (sql: string, parameters: readonly string[]): Promise<readonly TextRow[]> => {
    const { rows } = await client.query({
      text: sql,
      values: [...parameters],
      rowMode: "array",
      types: { getTypeParser: () => (text) => text },
    });
    return rows.map((row) => row.map((value) => (typeof value === "string" ? value : null)));
  };
  return {
    dialect,
    async query(sql, parameters) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await once(sql, parameters);
        } catch (error) {
          if (isDataException(error)) throw error;
          if (attempt === maxAttempts || !isConflict(error)) throw explain(error);
        }
      }
    },
  };
}

/** Values that are not of the type, or that no value of it can be: such rows are dead letters at the sink. */
const DATA_EXCEPTION = /^22/;

/** A value that the server does not take. */
export function isDataException(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    DATA_EXCEPTION.test(error.code)
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "40001";
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
