import pg from "pg";

/** A client whose answers are the server's text, one array per row, with the settings that make texts comparable. */
export async function openSession(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  for (const setting of ["datestyle = 'ISO, MDY'", "timezone = 'UTC'", "extra_float_digits = 1"]) {
    await client.query(`SET ${setting}`);
  }
  return client;
}

/** Runs a query; every value as the server's text. DSQL lets a session meet a change of the catalogue once (OC001). */
export async function textRows(
  client: pg.Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<(string | null)[][]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await textRowsOnce(client, text, values);
    } catch (error) {
      const isConflict = error instanceof pg.DatabaseError && error.code === "40001";
      if (!isConflict || attempt === 5) throw error;
    }
  }
}

async function textRowsOnce(
  client: pg.Client,
  text: string,
  values: readonly unknown[],
): Promise<(string | null)[][]> {
  const { rows } = await client.query<(string | null)[]>({
    text,
    values: [...values],
    rowMode: "array",
    types: { getTypeParser: () => (value: string | Buffer) => String(value) },
  });
  return rows;
}
