/** Binds a session's statements: those that are asked for the places of their rows to their twins. */
import { askingSql } from "../gate/asking.ts";
import type { Statement } from "../gate/statement.ts";
import { bind, closeStatement, parse, type BindMessage } from "../wire/extended.ts";
import { widenBind } from "../wire/last-column.ts";
import { query } from "../wire/messages.ts";
import type { Request } from "./execution.ts";
import type { Pending } from "./pending.ts";
import { plainPortal, type Portal, type Prepared, type Twin } from "./prepared.ts";
import type { RowAsker, Verdict } from "./row-asker.ts";
import type { Runner } from "./runner.ts";
import type { Sent } from "../sizes/size-rules.ts";

const TWIN = "_dl_asking";

/** What a simple Query becomes. */
export interface Asked extends Pick<Request, "asks" | "suspicious"> {
  readonly frames: readonly Buffer[];
}

/** What a Bind becomes. */
export interface Bound {
  readonly portal: Portal;
  readonly message: Buffer;
}

/** What a binder works with. */
export interface BinderParts {
  readonly asker: RowAsker;
  readonly runner: Runner;
}

/** One per session. */
export class Binder {
  readonly #asker: RowAsker;
  readonly #runner: Runner;
  readonly #pending: Pending;
  #twins = 0;

  constructor({ asker, runner }: BinderParts, pending: Pending) {
    this.#asker = asker;
    this.#runner = runner;
    this.#pending = pending;
  }

  /** A twin for a statement that is prepared under this name. There is one unnamed statement, and one twin of it. */
  twinOf(name: string): Twin {
    return { name: name === "" ? TWIN : `${TWIN}${++this.#twins}`, prepared: false };
  }

  /** The portal that a Bind makes and the message that makes it, of the statement or of its twin. */
  async bind(message: Buffer, read: BindMessage, prepared: Prepared): Promise<Bound> {
    const { statement } = prepared;
    const { portal, rest: bindRest } = read;
    const messageBytes = message.length;
    const { asks, suspicious } = await this.#judge({ statement, bindRest, messageBytes });
    const bound = { ...plainPortal(prepared, bindRest), suspicious };
    if (!asks) return { portal: bound, message };
    this.#prepareTwin(prepared);
    const own = statement.asking?.own ?? false;
    const { rest, binary } = widenBind(bindRest, own);
    const asked = { ...bound, asks: { own, binary, bindRest: rest } };
    return { portal: asked, message: bind(portal, prepared.twin.name, rest) };
  }

  /** What a failed block, or one with a DDL, is sent is refused: and our own DDL would be in the way of a look. */
  #judge(sent: Sent): Promise<Verdict> | Verdict {
    const refused = this.#runner.failed || this.#runner.transaction?.changedCatalogue === true;
    return refused ? { asks: false, suspicious: undefined } : this.#asker.judge(sent);
  }

  #prepareTwin({ twin, statement, types }: Prepared): void {
    if (twin.prepared) return;
    this.#pending.add(closeStatement(twin.name), { hides: "all" });
    const lost = (): void => void (twin.prepared = false);
    this.#pending.add(parse(twin.name, askingSql(statement), types), { hides: "all", lost });
    twin.prepared = true;
  }

  /** The client closes a statement: its twin goes too. */
  closeTwin(prepared: Prepared | undefined): void {
    if (prepared?.twin.prepared !== true) return;
    this.#pending.add(closeStatement(prepared.twin.name), { hides: "all" });
  }

  /** The statement of a simple Query, as it goes to PostgreSQL. `message` is the client's own, where that is the same. */
  async ask(statement: Statement, message: Buffer | undefined): Promise<Asked> {
    const plain = message ?? query(statement.sql);
    const sent = { statement, bindRest: undefined, messageBytes: plain.length };
    const { asks, suspicious } = await this.#judge(sent);
    if (!asks) return { frames: [plain], asks: undefined, suspicious };
    const own = statement.asking?.own ?? false;
    const frames = [query(askingSql(statement))];
    return { frames, asks: { own, binary: false, bindRest: undefined }, suspicious };
  }
}
