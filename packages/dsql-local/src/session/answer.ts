/** Gathers what PostgreSQL answers to one statement. */
import { hash } from "node:crypto";
import { readReport, readTag, Type, type ServerMessage } from "../wire/messages.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { cutDescription, cutRow, placeText } from "../wire/last-column.ts";
import type { AnswerHandler } from "./backend.ts";

/** PostgreSQL's word for what the service has a rule for. */
const TEMPORARY = /^temporary file size exceeds temp_file_limit/;

/** A type without an order: json and domains over it, and types that no column has. */
const KEYLESS = /^data type (.+) has no default operator class for access method "btree"/;
const NO_COLUMNS = new Set([
  "point", "line", "lseg", "box", "path", "polygon", "circle", "xml", "xid", "cid", "aclitem", "jsonpath",
]); // prettier-ignore
/** Where an error came from, as a field of its message. */
const PLPGSQL = "\0WPL/pgSQL function sys.";

/** More than this many rows are looked for in their whole table. */
const MOST_PLACES = 20_000;

/** Where head and rows of a read go while they come. */
export interface FrameSink {
  add(frame: Buffer): void;
}

/** A statement that is asked for the places of the rows that it writes. */
export interface Asks {
  /** The client gets rows too, without their last column. */
  readonly own: boolean;
  /** How that column comes. */
  readonly binary: boolean;
  /** Its Bind behind the two names, with room for that column. */
  readonly bindRest: Buffer | undefined;
}

/** What is done with an answer's frames. */
export interface AnswerWishes {
  readonly sink?: FrameSink;
  readonly asks?: Asks;
  /** A RowDescription in the answer is that of the rows in it. */
  readonly describes?: boolean;
  /** A COMMIT of ours comes behind the statement. */
  readonly commits?: boolean;
}

/** The answer to one statement; with a sink, head and rows have gone there already. */
export class Answer implements AnswerHandler {
  /** ParseComplete, BindComplete, descriptions, notices. */
  readonly head: Buffer[] = [];
  readonly rows: Buffer[] = [];
  /** CommandComplete, EmptyQueryResponse or PortalSuspended. */
  complete: Buffer | undefined;
  error: ServerMessage | undefined;
  /** The frame that `error` was read from. */
  errorFrame: Buffer | undefined;
  /** Bytes of its rows as they came. */
  rowBytes = 0;
  /** The COMMIT behind the statement was applied. */
  committed = false;
  readonly #sink: FrameSink | undefined;
  readonly #asks: Asks | undefined;
  readonly #describes: boolean;
  readonly #places: string[] = [];
  readonly #commits: boolean;
  #skip: number;

  /** The first `skip` frames answer commands of ours and are dropped. */
  constructor(skip: number, { sink, asks, describes = false, commits = false }: AnswerWishes = {}) {
    this.#commits = commits;
    this.#skip = skip;
    this.#sink = sink;
    this.#asks = asks;
    this.#describes = describes;
  }

  /** Part of the handler that Backend calls. Hot path. */
  onFrame(type: number, frame: Buffer): void {
    if (this.#skip > 0 && type !== Type.error) {
      this.#skip--;
      return;
    }
    if (this.#commits && this.complete !== undefined && type !== Type.error) {
      this.committed ||= type === Type.commandComplete;
      return;
    }
    switch (type) {
      case Type.commandComplete:
      case Type.emptyQuery:
      case Type.portalSuspended:
        this.complete = frame;
        break;
      case Type.error:
        this.errorFrame ??= frame;
        this.error ??= readReport(frame);
        break;
      case Type.copyOutResponse:
      case Type.copyData:
      case Type.copyDone:
        this.rowBytes += frame.length;
        this.#tellRow(frame);
        break;
      case Type.dataRow:
        this.rowBytes += frame.length;
        if (this.#asks !== undefined) this.#takePlace(frame, this.#asks);
        else this.#tellRow(frame);
        break;
      case Type.rowDescription:
        this.#describe(frame);
        break;
      default:
        if (this.#sink === undefined) this.head.push(frame);
        else this.#sink.add(frame);
    }
  }

  #tellRow(frame: Buffer): void {
    if (this.#sink === undefined) this.rows.push(frame);
    else this.#sink.add(frame);
  }

  #describe(frame: Buffer): void {
    const cut = this.#describes ? this.#asks : undefined;
    if (cut !== undefined && !cut.own) return;
    const told = cut === undefined ? frame : cutDescription(frame);
    if (this.#sink === undefined) this.head.push(told);
    else this.#sink.add(told);
  }

  #takePlace(frame: Buffer, { own, binary }: Asks): void {
    const { row, last } = cutRow(frame);
    if (own) this.rows.push(row);
    // A transaction with more rows fails for their number, unless a test has set that limit.
    if (this.#places.length > MOST_PLACES) return;
    this.#places.push(placeText(last, binary));
  }

  /** Where the rows are that the statement wrote, such as `(12,3)`; undefined when it was not asked, or told only some. */
  get places(): readonly string[] | undefined {
    const isWhole = this.complete !== undefined && this.complete[0] === Type.commandComplete;
    const told = isWhole && this.#places.length <= MOST_PLACES;
    return this.#asks !== undefined && told ? this.#places : undefined;
  }

  /** The error as it goes to the client. */
  get violation(): Violation | undefined {
    if (this.error === undefined) return undefined;
    const { code, message } = this.error;
    if (code === "53400" && TEMPORARY.test(message)) return violation("temporarySpace");
    const [, type] = (code === "42704" ? KEYLESS.exec(message) : null) ?? [];
    if (type !== undefined) {
      return violation(NO_COLUMNS.has(type) ? "columnType" : "keyType", { type });
    }
    // Only the procedures of the schema sys are written in it, and only here.
    if (this.errorFrame?.includes(PLPGSQL) === true) return new Violation(this.error);
    return new Violation(this.error, this.errorFrame);
  }

  /** The command tag, or "". */
  get tag(): string {
    const { complete } = this;
    return complete !== undefined && complete[0] === Type.commandComplete ? readTag(complete) : "";
  }

  /** What the client was told, for comparing with a replay's answer. */
  get told(): string {
    if (this.rows.length === 0) return this.tag;
    return `${this.tag} ${hash("md5", Buffer.concat(this.rows))}`;
  }

  /** Rows that the tag says were changed; rows that were only locked do not count. */
  get affectedRows(): number {
    const match = /^(?:INSERT \d+|UPDATE|DELETE|COPY) (\d+)$/.exec(this.tag);
    return match === null ? 0 : Number(match[1]);
  }
}
