/** The phase of a pipeline that is not running, read from its state at the sink; shares no code with the engine. */
import type { KillPhase } from "./kill-reach.ts";
import { openSession, textRows } from "./sql-session.ts";

/** What is read of a table's document. */
interface StoredTable {
  readonly state: string;
  readonly allPlanned: boolean;
  readonly sweep: string;
  readonly shape: { readonly key: readonly number[] };
}

/** The phase in which a start would find its tables; INIT_SYNC where there is no state yet. */
export async function durablePhase(targetUrl: string, pipeline: string): Promise<KillPhase> {
  const documents = await stateOf(targetUrl, pipeline);
  const tables = [...documents].filter(([key]) => key.startsWith("table/"));
  let phase: KillPhase = tables.length === 0 ? "INIT_SYNC" : "SYNC";
  for (const [key, text] of tables) {
    const table = JSON.parse(text) as StoredTable;
    if (table.state === "SYNC") continue;
    const id = key.slice("table/".length);
    const hasChunks = [...documents.keys()].some(
      (other) => /^chunk\/\d+\/(.*)$/s.exec(other)?.[1] === id,
    );
    const isSweeping = table.sweep === "due" && table.shape.key.length > 0;
    if (table.allPlanned && !hasChunks && !isSweeping) return "HANDOVER";
    phase = "INIT_SYNC";
  }
  return phase;
}

async function stateOf(targetUrl: string, pipeline: string): Promise<ReadonlyMap<string, string>> {
  const session = await openSession(targetUrl);
  try {
    const rows = await textRows(
      session,
      "SELECT key, value FROM millrace.state WHERE pipeline = $1",
      [pipeline],
    );
    return new Map(rows.map(([key, value]) => [key ?? "", value ?? "null"]));
  } catch (error) {
    // Before the first start there is no such schema.
    if (error instanceof Error && "code" in error && /^(42P01|3F000)$/.test(String(error.code)))
      return new Map();
    throw error;
  } finally {
    await session.end();
  }
}
