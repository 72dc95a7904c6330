/** Gathers what PostgreSQL answers to one statement. */
import { hash } from "node:crypto";
import { readReport, readTag, Type, type ServerMessage } from "../wire/messages.ts";
import { Violation } from "../rules/rule.ts";
import type { AnswerHandler } from "./backend.ts";

/** Where head and rows of a read go while they come. */
export interface FrameSink {
  add(frame: Buffer): void;
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
  readonly #sink: FrameSink | undefined;
  #skip: number;

  /** The first `skip` frames answer commands of ours and are dropped. */
  constructor(skip: number, sink?: FrameSink) {
    this.#skip = skip;
    this.#sink = sink;
  }

  /** Part of the handler that Backend calls. Hot path. */
  onFrame(type: number, frame: Buffer): void {
    if (this.#skip > 0 && type !== Type.error) {
      this.#skip--;
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
      case Type.dataRow:
        if (this.#sink === undefined) this.rows.push(frame);
        else this.#sink.add(frame);
        break;
      default:
        if (this.#sink === undefined) this.head.push(frame);
        else this.#sink.add(frame);
    }
  }

  /** The error as it goes to the client. */
  get violation(): Violation | undefined {
    return this.error === undefined ? undefined : new Violation(this.error, this.errorFrame);
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
    const match = /^(?:INSERT \d+|UPDATE|DELETE) (\d+)$/.exec(this.tag);
    return match === null ? 0 : Number(match[1]);
  }
}
