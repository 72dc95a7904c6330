// A table of PostgreSQL read by COPY over a few sessions at once, cut into messages of which nothing is kept. It shares no code
// with the engine and runs in a thread of its own.
import { workerData } from "node:worker_threads";
import { BareSession } from "./bare-session.ts";
import { inTurn } from "./bare-turn.ts";

/** What it is given. */
export interface BareTable {
  readonly url: string;
  /** One statement of COPY for each session. */
  readonly copies: readonly string[];
}

/** As much of a message as it is told apart by. */
const KEPT_BYTES = 1;

const { url, copies } = workerData as BareTable;
const sessions = await Promise.all(copies.map(() => BareSession.open(url, false, KEPT_BYTES)));
await inTurn(() => Promise.all(sessions.map((session, i) => copied(session, copies[i] ?? ""))));

function copied(session: BareSession, statement: string): Promise<void> {
  return new Promise((resolve) => {
    session.onMessage = (tag) => {
      if (tag === "Z") resolve();
    };
    session.query(statement);
  });
}
