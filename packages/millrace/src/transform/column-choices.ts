import { MillraceError } from "../errors/millrace-error.ts";
import type { TableShape } from "../model/table.ts";
import { compileTablePatterns, sourceTableParts } from "../schema/table-pattern.ts";
import type { ColumnTreatment } from "./column-treatment.ts";
import type { ColumnRule } from "./rules.ts";
import { choicesOf } from "./rules.ts";

/** Gives each column of a shape its treatment, in column order. */
export interface ColumnChoices {
  /**
   * @throws MillraceError MR_TRANSFORM_REFUSED when a key column would be left out or masked, when two rules disagree,
   * or when a column that was treated has a new name that no rule speaks of.
   */
  choose(shape: TableShape): readonly ColumnTreatment[];
}

const keep: ColumnTreatment = { kind: "keep" };

/** Compiles column rules. All matching rules apply; leaving out wins over hiding. */
export function compileColumnRules(rules: readonly ColumnRule[], database = ""): ColumnChoices {
  const compiled = rules.map((rule) => ({
    rule,
    pattern: compileTablePatterns(rule.sourceTable, sourceTableParts),
  }));
  const renames = new RenameGuard();
  return {
    choose(shape) {
      const chosen = new Map<string, ColumnTreatment>();
      for (const { rule, pattern } of compiled) {
        if (pattern.match([database, shape.schema, shape.name]) !== null)
          addChoices(shape, rule, chosen);
      }
      for (const index of shape.key) refuseForKey(shape, index, chosen);
      const treatments = shape.columns.map(({ name }) => chosen.get(name) ?? keep);
      renames.check(shape, treatments);
      return treatments;
    },
  };
}

function addChoices(
  shape: TableShape,
  rule: ColumnRule,
  chosen: Map<string, ColumnTreatment>,
): void {
  for (const [field, columns] of choicesOf(rule)) {
    for (const column of columns) {
      const treatment = treatmentOf(field, rule);
      const before = chosen.get(column);
      if (before === undefined || treatment.kind === "exclude") chosen.set(column, treatment);
      else if (before.kind !== "exclude" && !isSame(before, treatment)) {
        throw refused(shape, column, "is masked or hashed by two rules that disagree");
      }
    }
  }
}

function treatmentOf(
  field: "exclude-columns" | "mask-columns" | "hash-columns",
  rule: ColumnRule,
): ColumnTreatment {
  if (field === "exclude-columns") return { kind: "exclude" };
  return field === "mask-columns"
    ? { kind: "mask", text: rule.mask?.text ?? "" }
    : { kind: "hash", key: rule.hash?.key ?? "" };
}

function isSame(a: ColumnTreatment, b: ColumnTreatment): boolean {
  if (a.kind === "mask" && b.kind === "mask") return a.text === b.text;
  return a.kind === "hash" && b.kind === "hash" && a.key === b.key;
}

function refuseForKey(
  shape: TableShape,
  index: number,
  chosen: ReadonlyMap<string, ColumnTreatment>,
): void {
  const { name = "", type } = shape.columns[index] ?? {};
  const kind = chosen.get(name)?.kind;
  if (kind === "hash" && type?.kind === "jsonb") {
    throw refused(
      shape,
      name,
      "is part of the key and cannot be hashed: equal jsonb has several texts",
    );
  }
  if (kind === "exclude") throw refused(shape, name, "is part of the key and cannot be left out");
  if (kind === "mask") {
    throw refused(shape, name, "is part of the key and cannot be masked; it can be hashed");
  }
}

function refused(shape: TableShape, column: string, why: string): MillraceError {
  return new MillraceError("MR_TRANSFORM_REFUSED", `Column "${column}" of ${shape.id} ${why}.`, {
    facts: { table: shape.id, column },
  });
}

/**
 * A column that is renamed at the source would slip out of the rules that hide it by name. So the treated columns of
 * each table are remembered by what stays the same under a rename, and one that turns up uncovered stops the pipeline
 * before a value of it has gone on.
 */
class RenameGuard {
  readonly #treated = new Map<string, Map<number, string>>();

  check(shape: TableShape, treatments: readonly ColumnTreatment[]): void {
    const known = this.#treated.get(shape.identity) ?? new Map<number, string>();
    for (const [index, { name, ordinal }] of shape.columns.entries()) {
      if (ordinal === null) continue;
      if (treatments[index]?.kind !== "keep") known.set(ordinal, name);
      else if (known.has(ordinal)) {
        const before = known.get(ordinal) ?? "";
        throw refused(shape, name, `was called "${before}", which a rule hides; name it there too`);
      }
    }
    this.#treated.set(shape.identity, known);
  }
}
