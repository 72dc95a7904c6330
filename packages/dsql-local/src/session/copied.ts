/**
 * What a client sends for its COPY FROM STDIN. It is gathered before PostgreSQL gets any of it: a COPY that waited for a slow
 * client in the middle would hold locks that it could not give up.
 */
import { ConnectionCut } from "../control/faults.ts";
import type { CopyIn } from "../gate/copy-in.ts";
import type { Statement } from "../gate/statement.ts";
import type { Limits } from "../rules/bounds.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { longestField } from "../sizes/copied-fields.ts";
import { Type } from "../wire/messages.ts";
import type { ClientWriter } from "./client-writer.ts";
import type { Inbox } from "./inbox.ts";

/** The messages, with CopyDone or CopyFail behind them. */
export interface Copied {
  readonly frames: readonly Buffer[];
  readonly bytes: number;
  /** No value in it has more bytes. */
  readonly longestFieldBytes: number;
}

/** More than any transaction may write, also where it compresses well. */
const MOST_BYTES = 64 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;
const HEADER_BYTES = 5;
const NEWLINE = 0x0a;

/** Where the messages come from, and where what was said before goes. */
export interface CopySourceParts {
  readonly inbox: Inbox;
  readonly writer: ClientWriter;
  readonly cluster: { readonly limits: Limits };
}

/** One per session. */
export class CopySource {
  readonly #parts: CopySourceParts;

  constructor(parts: CopySourceParts) {
    this.#parts = parts;
  }

  /** What takes the rows of a COPY FROM STDIN; undefined for other statements. */
  receiver({ copyIn }: Statement): (() => Promise<Copied>) | undefined {
    return copyIn === undefined ? undefined : () => this.#receive(copyIn);
  }

  /**
   * Takes the client's messages up to CopyDone or CopyFail. Throws the Violation of one that does not belong there, or of too
   * many, and a ConnectionCut where the client has left.
   */
  async #receive(form: CopyIn): Promise<Copied> {
    const { cluster, inbox, writer } = this.#parts;
    const frames: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      if (!inbox.hasWaiting) writer.flush();
      const message = await inbox.take();
      const type = message?.[0];
      if (message === undefined || type === Type.terminate) throw new ConnectionCut(false);
      // Clients may send these before they know that they copy.
      if (type === Type.flush || type === Type.sync) continue;
      if (type === Type.copyData) bytes += message.length - HEADER_BYTES;
      else if (type !== Type.copyDone && type !== Type.copyFail) throw unexpected(type ?? 0);
      frames.push(message);
      if (bytes > MOST_BYTES) throw tooMuch(frames, bytes, cluster.limits);
      if (type === Type.copyData) continue;
      const data = frames.slice(0, -1).map((frame) => frame.subarray(HEADER_BYTES));
      return { frames, bytes, longestFieldBytes: longestField(data, form) };
    }
  }
}

function unexpected(type: number): Violation {
  const shown = type.toString(16).padStart(2, "0").toUpperCase();
  const message = `unexpected message type 0x${shown} during COPY from stdin`;
  return new Violation({ severity: "ERROR", code: "08P01", message });
}

/** What was not kept cannot be run: it is past one of the two limits. */
function tooMuch(frames: readonly Buffer[], bytes: number, limits: Limits): Violation {
  let lines = 0;
  for (const frame of frames) for (const byte of frame) if (byte === NEWLINE) lines++;
  if (lines > limits.rowsPerTransaction) return violation("rowLimit");
  const limit = Math.ceil(limits.bytesPerTransaction / MEGABYTE);
  return violation("sizeLimit", { megabytes: Math.ceil(bytes / MEGABYTE), limit });
}
