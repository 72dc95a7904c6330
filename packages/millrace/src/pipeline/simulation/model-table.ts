import type { TargetCheck } from "../../model/sink.ts";
import type { TableShape, TargetTable } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import { childOf, parentOf } from "./foreign-keys.ts";
import type { SinkDatabase } from "./sink-database.ts";
import { catalogueKey } from "./sink-tables.ts";
import { MISFIT } from "./values.ts";

/** The target table of the model for a source table. */
export function mapModelTable(
  shape: TableShape,
  target: { schema: string; name: string },
): TargetTable {
  const refuse = (value: string) => (value.startsWith(MISFIT) ? "it does not fit" : null);
  const columns = shape.columns.map((c, i) => ({
    name: c.name,
    type: c.sourceType,
    logical: c.type,
    nullable: !shape.key.includes(i),
    refuse,
  }));
  const text = { kind: "text", maxChars: null } as const;
  const keyless = shape.key.length === 0;
  const own = {
    name: "_millrace_key",
    type: "text",
    logical: text,
    nullable: false,
    refuse: () => null,
  };
  return {
    id: tableId(target.schema, target.name),
    ...target,
    columns: keyless ? [own, ...columns] : columns,
    key: keyless ? [0] : shape.key,
    keyless,
  };
}

/** What is found at a target that fits. */
export function checkOf(
  db: SinkDatabase,
  { schema, name, keyless }: TargetTable,
  created: boolean,
): TargetCheck {
  const check = { created, notices: [], secondaryUnique: db.unique && !keyless };
  if (db.foreign === null || keyless) return check;
  const { isSelf } = db.foreign;
  const parent = parentOf(name, isSelf);
  const child = tableId(schema, childOf(name) ?? "");
  const isParent = db.durable(catalogueKey({ id: child })) !== undefined || parent === name;
  const parents = parent === null ? [] : [tableId(schema, parent)];
  return { ...check, parents, irreplaceable: isParent };
}
