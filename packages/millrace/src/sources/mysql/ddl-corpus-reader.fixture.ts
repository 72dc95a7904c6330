import type { TableId } from "../../model/table.ts";
import { charsetOfCollation } from "./collations.ts";
import type { CorpusStatement } from "./ddl-corpus.fixture.ts";
import type { DdlEffect } from "./ddl-effect.ts";
import { applyDdl } from "./ddl-effects.ts";
import type { SqlDialect } from "./ddl-lexer.ts";
import { parseDdl } from "./ddl-parser.ts";
import { statementKind } from "./statement-kind.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import type { QueryEvent } from "./query-event.ts";
import type { TypeOptions } from "./types.ts";

/** What the corpus reads shapes with. */
export const TYPES: TypeOptions = {
  tinyint1AsBoolean: false,
  timeAsInterval: false,
  geometry: "geojson",
};

/** Rows of a table. */
export type Rows = readonly Readonly<Record<string, unknown>>[];

/** A statement, and what the server had once it had run. */
export interface Step {
  readonly statement: CorpusStatement;
  readonly shapes: ReadonlyMap<TableId, MysqlShape>;
  readonly rows: ReadonlyMap<TableId, Rows>;
}

/** What the log says, statement by statement, held against what the server had. */
export class CorpusReader {
  readonly wrong: string[] = [];
  unknown = 0;
  readonly shapes = new Map<TableId, MysqlShape>();
  readonly #charsets: Map<string, string>;
  readonly #dialect: Omit<SqlDialect, "sqlMode">;
  #rows: ReadonlyMap<TableId, Rows> = new Map();

  constructor(charsets: Map<string, string>, dialect: Omit<SqlDialect, "sqlMode">) {
    this.#charsets = charsets;
    this.#dialect = dialect;
  }

  step(step: Step, events: readonly QueryEvent[]): void {
    const effects = events.flatMap((event) => this.#effects(event, step));
    for (const effect of effects) this.#apply(effect, step, effects);
    this.#compare(step, effects);
    this.#checkMoves(step, effects);
    this.#rows = step.rows;
  }

  #effects(event: QueryEvent, step: Step): readonly DdlEffect[] {
    const explicitTimestamps = event.explicitTimestamps ?? this.#dialect.flavor === "mysql";
    const dialect = { ...this.#dialect, sqlMode: event.sqlMode };
    if (statementKind(event.sql, dialect) !== "ddl") return [];
    const parsed = parseDdl(event.sql, dialect);
    if (parsed === null) return [];
    if (parsed === "unknown") {
      if (step.statement.unknown === false) this.wrong.push(`not understood at all: ${event.sql}`);
      else for (const id of step.shapes.keys()) this.#adopt(id, step);
      return [];
    }
    const { database, sqlMode, serverCollation } = event;
    const serverCharset = serverCollation === null ? null : charsetOfCollation(serverCollation);
    const tables = {
      table: (id: TableId) => this.shapes.get(id),
      databaseCharset: (name: string) => this.#charsets.get(name) ?? null,
    };
    const session = {
      database,
      sqlMode,
      serverCharset,
      lowerCaseNames: false,
      explicitTimestamps,
      types: TYPES,
    };
    return applyDdl(parsed, tables, session);
  }

  #apply(effect: DdlEffect, step: Step, all: readonly DdlEffect[]): void {
    switch (effect.kind) {
      case "created":
        if (!effect.ifNotExists || !this.shapes.has(effect.shape.id))
          this.shapes.set(effect.shape.id, effect.shape);
        break;
      case "altered":
        this.#checkRows(effect, step, all);
        this.shapes.set(effect.id, effect.shape);
        break;
      case "renamed":
        this.shapes.delete(effect.from);
        if (effect.shape !== null) this.shapes.set(effect.to, effect.shape);
        break;
      case "dropped":
        this.shapes.delete(effect.id);
        break;
      case "databaseCharset":
        this.#charsets.set(effect.database, effect.charset);
        break;
      case "databaseDropped":
        for (const [id, { schema }] of this.shapes)
          if (schema === effect.database) this.shapes.delete(id);
        break;
      case "moved":
      case "truncated":
        break;
      case "unknown":
        this.unknown += 1;
        if (step.statement.unknown === false) this.wrong.push(`unknown: ${step.statement.sql}`);
        for (const id of effect.tables) this.#adopt(id, step);
    }
  }

  #adopt(id: TableId, { shapes }: Step): void {
    const shape = shapes.get(id);
    if (shape === undefined) this.shapes.delete(id);
    else this.shapes.set(id, shape);
  }

  #compare(step: Step, effects: readonly DdlEffect[]): void {
    const { statement, shapes } = step;
    for (const id of new Set([...shapes.keys(), ...this.shapes.keys()])) {
      const [own, server] = [this.shapes.get(id), shapes.get(id)].map((shape) =>
        JSON.stringify(sorted(shape)),
      );
      if (own === server) continue;
      this.wrong.push(`${statement.sql}\n  ours   ${own}\n  server ${server}`);
      this.#adopt(id, step);
    }
    if (statement.unknown === true && !effects.some(({ kind }) => kind === "unknown"))
      this.wrong.push(`understood after all: ${statement.sql}`);
  }

  /** Rows that are gone or new, without a row event. */
  #checkMoves({ statement, rows, shapes }: Step, effects: readonly DdlEffect[]): void {
    for (const [id, before] of this.#rows) {
      const isTold = effects.some(
        (effect) =>
          effect.kind === "renamed" ||
          effect.kind === "unknown" ||
          (effect.kind === "created" && effect.shape.id === id) ||
          ((effect.kind === "moved" || effect.kind === "truncated") && effect.id === id),
      );
      if (shapes.has(id) && !isTold && (rows.get(id)?.length ?? 0) !== before.length)
        this.wrong.push(`rows of ${id} go unsaid: ${statement.sql}`);
    }
  }

  /** Columns of rows that were there, whose values the statement changed: `rewritten` has to name them. */
  #checkRows(
    effect: Extract<DdlEffect, { kind: "altered" }>,
    step: Step,
    all: readonly DdlEffect[],
  ): void {
    const renamed = all.find((other) => other.kind === "renamed" && other.from === effect.id);
    const after = step.rows.get(renamed?.kind === "renamed" ? renamed.to : effect.id) ?? [];
    const before = this.#rows.get(effect.id) ?? [];
    for (const { name } of effect.shape.columns) {
      if (effect.rewritten.includes(name)) continue;
      const from = effect.renames.find(({ to }) => to === name)?.from ?? name;
      const [old, now] = [
        before.map((row) => textOf(row[from])),
        after.map((row) => textOf(row[name])),
      ];
      if (JSON.stringify(old.toSorted()) !== JSON.stringify(now.toSorted()))
        this.wrong.push(
          `rewrites ${name} unsaid: ${step.statement.sql} ${String(old)} -> ${String(now)}`,
        );
    }
  }
}

function sorted(shape: MysqlShape | undefined): unknown {
  if (shape === undefined) return undefined;
  const { id, identity, columns, key } = shape;
  const { charset, autoIncrement } = shape.facts;
  return {
    id,
    identity,
    key,
    charset,
    autoIncrement,
    columns: columns.map(({ name, sourceType, nullable, generated, type }) => [
      name,
      sourceType,
      nullable,
      generated ?? false,
      type,
    ]),
  };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "\0";
  return Buffer.isBuffer(value)
    ? value.toString("hex")
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);
}
