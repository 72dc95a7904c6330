import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../errors/millrace-error.ts";
import { lostConnection } from "../../bytes/byte-source.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { boundsOf } from "./session-bounds.ts";

/** A session that rests is looked at once more after this, as its answer may be on its way. */
const SECOND_LOOK_MS = 500;

/** What another session says about the one that is silent. */
type Look = { readonly verdict: "at work" | "lost" } | { readonly restsSince: string };

const LOOK_SQL = `
SELECT state = 'active' AND wait_event IS DISTINCT FROM 'ClientWrite' AS busy,
  pg_catalog.concat_ws(' ', state, state_change) AS rest
FROM pg_catalog.pg_stat_activity WHERE pid = $1`;

/**
 * Watches over a connection from which answers are waited for, for as long as they take, but no longer than the server
 * works on them (I10). After the read timeout without an answer the server is asked on another connection what it does
 * for us: an answer that it has sent and that never came, or a request that never arrived, means that the connection is
 * dead though TCP does not say so; then it is cut, which ends whoever waits. TCP's own keepalive cannot tell: it is
 * answered by kernels, and by whatever stands in between.
 */
export class SilenceWatch {
  readonly #stopping = new AbortController();
  #lost: MillraceError | null = null;

  /** `waitingSince`: since when the server could have spoken, monotonic ms; null while nobody waits for it. */
  constructor(connection: PostgresConnection, waitingSince: () => number | null) {
    const { signal } = this.#stopping;
    watch(connection, waitingSince, signal).then(
      (silentMs) => {
        if (signal.aborted) return;
        this.#lost = lostConnection(
          `the server owed an answer for ${Math.round(silentMs)} ms, and does not work on one`,
        );
        connection.destroy();
      },
      () => undefined,
    );
  }

  /** Why the connection was cut, null where it was not. */
  get lost(): MillraceError | null {
    return this.#lost;
  }

  stop(): void {
    this.#stopping.abort();
  }
}

/**
 * Does `work`, which waits for answers on `connection` all the while, under a {@link SilenceWatch}.
 * @throws MillraceError MR_SOURCE_LOST_CONNECTION, or whatever `work` throws.
 */
export async function whileServerWorks<T>(
  connection: PostgresConnection,
  work: () => Promise<T>,
): Promise<T> {
  const beganMs = performance.now();
  const watching = new SilenceWatch(connection, () => beganMs);
  try {
    return await work();
  } catch (error) {
    throw watching.lost ?? error;
  } finally {
    watching.stop();
  }
}

/** Resolves with the length of the silence once the connection is found dead; rejects when that is of no interest any more. */
async function watch(
  connection: PostgresConnection,
  waitingSince: () => number | null,
  signal: AbortSignal,
): Promise<number> {
  const { readTimeoutMs } = connection.config;
  for (;;) {
    const since = waitingSince();
    const silentMs = since === null ? 0 : performance.now() - since;
    if (silentMs < readTimeoutMs) await wait(readTimeoutMs - silentMs, signal);
    else if (await isLost(connection)) return silentMs;
    else await wait(readTimeoutMs, signal);
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(Math.max(1, ms), undefined, { signal, ref: false });
}

async function isLost(connection: PostgresConnection): Promise<boolean> {
  const heardBytes = connection.heardBytes;
  let witness: PostgresConnection | null = null;
  try {
    const purpose = "look";
    const { statementMs: queryTimeoutMs } = boundsOf(purpose, connection.config);
    witness = await openConnection(connection.config, { purpose, queryTimeoutMs });
    const first = await look(witness, connection.processId);
    if ("verdict" in first) return first.verdict === "lost";
    await sleep(SECOND_LOOK_MS, undefined, { ref: false });
    const second = await look(witness, connection.processId);
    if ("verdict" in second) return second.verdict === "lost";
    return first.restsSince === second.restsSince && connection.heardBytes === heardBytes;
  } catch (error) {
    // A server that refuses the other session (it has enough of them) is one that answers.
    return !(error instanceof MillraceError && typeof error.facts["sqlState"] === "string");
  } finally {
    witness?.destroy();
  }
}

/** Sessions of another role, or a server that does not track them, tell nothing: then the work is waited for. */
async function look(witness: PostgresConnection, processId: number | null): Promise<Look> {
  const { rows } = await witness.client.query<{ busy: boolean | null; rest: string }>(LOOK_SQL, [
    processId,
  ]);
  const [row] = rows;
  if (row === undefined) return { verdict: "lost" };
  if (row.busy !== false) return { verdict: "at work" };
  return { restsSince: row.rest };
}
