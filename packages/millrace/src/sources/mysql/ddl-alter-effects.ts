import type { Column, TableId } from "../../model/table.ts";
import { type DdlEffect, type DdlView, renamed } from "./ddl-effect.ts";
import { mayRewrite } from "./ddl-rewritten.ts";
import { columnOfSpec, isSameColumn, makeColumn, type MysqlShape, numbered } from "./ddl-shape.ts";
import type { AlterClause, ColumnSpec, DdlStatement, Place } from "./ddl-statement.ts";
import { convertedText } from "./ddl-types.ts";

/** A column on its way. */
interface Work {
  column: Column;
  /** What it was before; null for a new one. */
  readonly before: Column | null;
  isRewritten: boolean;
}

type Clause<Kind extends AlterClause["kind"]> = Extract<AlterClause, { kind: Kind }>;

function ofKind<Kind extends AlterClause["kind"]>(
  clauses: readonly AlterClause[],
  kind: Kind,
): readonly Clause<Kind>[] {
  return clauses.filter((clause): clause is Clause<Kind> => clause.kind === kind);
}

/** Clauses that a shape depends on. */
const SHAPING = new Set(
  "add change renameColumn drop primaryKey dropPrimaryKey convert charset".split(" "),
);

/** Pure: what ALTER TABLE does. */
export function alterTable(
  { table, clauses }: Extract<DdlStatement, { kind: "alterTable" }>,
  view: DdlView,
): readonly DdlEffect[] {
  const id = view.idOf(table);
  const shape = view.table(id);
  const shaping = clauses.filter(({ kind }) => SHAPING.has(kind));
  const effects: DdlEffect[] = [];
  let altered = shape;
  if (shaping.length > 0) {
    const effect = shape === undefined ? null : new Alteration(shape, shaping, view).effect(id);
    effects.push(effect ?? { kind: "unknown", tables: [id] });
    altered = effect?.shape;
  }
  for (const { others } of ofKind(clauses, "moveRows"))
    for (const moved of [id, ...others.map((other) => view.idOf(other))])
      effects.push({ kind: "moved", id: moved });
  // A table that is given the name that it has stays what the other clauses make of it.
  for (const { to } of ofKind(clauses, "renameTable"))
    if (view.idOf(to) !== id) effects.push(renamed(altered, id, view.nameOf(to)));
  return effects;
}

class Alteration {
  readonly #shape: MysqlShape;
  readonly #clauses: readonly AlterClause[];
  readonly #view: DdlView;
  readonly #charset: string | null;
  readonly #dropped: readonly string[];
  #autoIncrement: string | null;

  constructor(shape: MysqlShape, clauses: readonly AlterClause[], view: DdlView) {
    this.#shape = shape;
    this.#clauses = clauses;
    this.#view = view;
    this.#charset = this.#newCharset();
    this.#dropped = ofKind(clauses, "drop").map(({ column }) => column);
    this.#autoIncrement = shape.facts.autoIncrement;
  }

  /** null where it is not understood, or the server would have refused it. */
  effect(id: TableId): Extract<DdlEffect, { kind: "altered" }> | null {
    // Without its charset a shape is not known well enough to be altered.
    if (this.#charset === null || this.#shape.facts.charset === null || !this.#isOfThisTable())
      return null;
    const works = this.#place(this.#kept());
    if (works === null || !this.#convert(works)) return null;
    const key = this.#key(works);
    if (key === null || works.length === 0 || hasTwice(works)) return null;
    for (const index of key) notNull(works[index]);
    this.#noteRewritten(works);
    const kept = works.map(({ column, before }) => ({
      ...column,
      ordinal: before?.ordinal ?? null,
    }));
    const { columns, nextOrdinal } = numbered(kept, this.#shape.facts.nextOrdinal);
    const facts = { charset: this.#charset, autoIncrement: this.#autoIncrement, nextOrdinal };
    const shape: MysqlShape = { ...this.#shape, columns, key, facts };
    return { kind: "altered", id, shape, renames: renamesOf(works), rewritten: rewrittenOf(works) };
  }

  #newCharset(): string | null {
    const charsets = this.#clauses.flatMap((clause) =>
      clause.kind === "charset" || clause.kind === "convert" ? [clause.charset] : [],
    );
    const [charset] = charsets;
    if (charset === undefined) return this.#shape.facts.charset;
    // Which of several wins differs from server to server.
    if (charsets.some((other) => other !== charset)) return null;
    return charset ?? this.#view.databaseCharset(this.#shape.schema);
  }

  #find(name: string): Column | undefined {
    return this.#shape.columns.find((column) => isSameColumn(column.name, name));
  }

  /** Each column that a clause names is there; those that may be missing are left out later. */
  #isOfThisTable(): boolean {
    return this.#clauses.every((clause) => {
      if (clause.kind === "drop") return clause.ifExists || this.#find(clause.column) !== undefined;
      if (clause.kind === "change" || clause.kind === "renameColumn")
        return clause.ifExists || this.#find(clause.from) !== undefined;
      return true;
    });
  }

  /** The old columns that remain where they are, those that are changed in their new form. */
  #kept(): Work[] | null {
    const works: Work[] = [];
    for (const before of this.#shape.columns) {
      if (this.#dropped.some((name) => isSameColumn(name, before.name))) {
        if (this.#autoIncrement === before.name) this.#autoIncrement = null;
        continue;
      }
      const change = this.#changeOf(before.name);
      if (change !== undefined && change.place !== null) continue;
      const work =
        change === undefined ? this.#renamed(before) : this.#changed(before, change.column);
      if (work === null) return null;
      works.push(work);
    }
    return works;
  }

  #changeOf(name: string): Clause<"change"> | undefined {
    return ofKind(this.#clauses, "change").find(({ from }) => isSameColumn(from, name));
  }

  #renamed(before: Column): Work {
    const rename = ofKind(this.#clauses, "renameColumn").find(({ from }) =>
      isSameColumn(from, before.name),
    );
    if (rename === undefined) return { column: before, before, isRewritten: false };
    if (this.#shape.facts.autoIncrement === before.name) this.#autoIncrement = rename.to;
    return { column: { ...before, name: rename.to }, before, isRewritten: false };
  }

  #changed(before: Column, spec: ColumnSpec): Work | null {
    const column = columnOfSpec(spec, this.#charset, this.#view.session);
    if (column === null) return null;
    const wasNumbered = this.#shape.facts.autoIncrement === before.name;
    if (spec.autoIncrement) this.#autoIncrement = spec.name;
    else if (wasNumbered) this.#autoIncrement = null;
    // A column that begins to number itself gives numbers to rows that have 0.
    const isComputed = column.generated === true || (spec.autoIncrement && !wasNumbered);
    return { column, before, isRewritten: isComputed };
  }

  /** New columns, and old ones that move, in the order of their clauses. */
  #place(works: Work[] | null): Work[] | null {
    for (const clause of this.#clauses) {
      if (works === null) return null;
      if (clause.kind === "add") works = this.#add(works, clause);
      else if (clause.kind === "change" && clause.place !== null) works = this.#move(works, clause);
    }
    return works;
  }

  #add(works: Work[], { column: spec, place, ifNotExists }: Clause<"add">): Work[] | null {
    const isThere = works.some(({ column }) => isSameColumn(column.name, spec.name));
    if (isThere && ifNotExists) return works;
    const column = columnOfSpec(spec, this.#charset, this.#view.session);
    if (column === null) return null;
    if (spec.autoIncrement) this.#autoIncrement = spec.name;
    const wasThere = this.#find(spec.name) !== undefined;
    const isFilled = spec.hasDefault || column.generated === true || !column.nullable;
    return insert(works, { column, before: null, isRewritten: isFilled || wasThere }, place);
  }

  #move(works: Work[], { from, column: spec, place }: Clause<"change">): Work[] | null {
    const before = this.#find(from);
    // IF EXISTS, and it does not.
    if (before === undefined) return works;
    const work = this.#changed(before, spec);
    return work === null ? null : insert(works, work, place);
  }

  /** CONVERT TO CHARACTER SET; false where its effect is not known. */
  #convert(works: readonly Work[]): boolean {
    if (ofKind(this.#clauses, "convert").length === 0) return true;
    // Columns that the same statement defines: whose charset wins is not worth knowing.
    if (this.#clauses.some(({ kind }) => kind === "add" || kind === "change")) return false;
    const charset = this.#charset;
    return works.every((work) => {
      const { name, nullable, generated = false } = work.column;
      const sourceType = charset === null ? null : convertedText(work.column.sourceType, charset);
      if (sourceType === null) return false;
      const facts = { name, nullable, generated, sourceType };
      const column = makeColumn(facts, this.#view.session.types);
      if (column !== null) work.column = column;
      return column !== null;
    });
  }

  /** Indexes of the key's columns; null where it names a column that is not there. */
  #key(works: readonly Work[]): readonly number[] | null {
    const asked = ofKind(this.#clauses, "primaryKey").at(-1)?.columns ?? this.#inlineKey();
    if (asked !== null) {
      const key = asked.map((name) =>
        works.findIndex(({ column }) => isSameColumn(column.name, name)),
      );
      return key.includes(-1) ? null : key;
    }
    if (ofKind(this.#clauses, "dropPrimaryKey").length > 0) return [];
    return this.#shape.key
      .map((index) => works.findIndex(({ before }) => before === this.#shape.columns[index]))
      .filter((index) => index >= 0);
  }

  #inlineKey(): readonly string[] | null {
    const specs = this.#clauses.flatMap((clause) =>
      clause.kind === "add" || clause.kind === "change" ? [clause.column] : [],
    );
    const primary = specs.find((spec) => spec.primary);
    return primary === undefined ? null : [primary.name];
  }

  #noteRewritten(works: readonly Work[]): void {
    const { sqlMode } = this.#view.session;
    for (const work of works)
      if (work.before !== null && mayRewrite(work.before, work.column, sqlMode))
        work.isRewritten = true;
    // Expressions may read any of the others. MariaDB keeps stale results where a name went to another column, until
    // some later ALTER computes them anew.
    for (const work of works) if (work.column.generated === true) work.isRewritten = true;
  }
}

function insert(works: readonly Work[], work: Work, place: Place | null): Work[] | null {
  if (place === null) return [...works, work];
  if (place === "first") return [work, ...works];
  const at = works.findIndex(({ column }) => isSameColumn(column.name, place.after));
  return at < 0 ? null : works.toSpliced(at + 1, 0, work);
}

function notNull(work: Work | undefined): void {
  if (work?.column.nullable === true) work.column = { ...work.column, nullable: false };
}

function hasTwice(works: readonly Work[]): boolean {
  return new Set(works.map(({ column }) => column.name.toLowerCase())).size < works.length;
}

function renamesOf(works: readonly Work[]): readonly { from: string; to: string }[] {
  return works.flatMap(({ before, column }) =>
    before !== null && before.name !== column.name ? [{ from: before.name, to: column.name }] : [],
  );
}

function rewrittenOf(works: readonly Work[]): readonly string[] {
  return works.filter(({ isRewritten }) => isRewritten).map(({ column }) => column.name);
}
