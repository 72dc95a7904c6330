import type { SourceOp } from "./source-tables.ts";

/** It takes the whole table, and waits for whoever reads or writes it. */
export function wholeTable(op: SourceOp): boolean {
  return op.kind !== "put" && op.kind !== "update" && op.kind !== "delete";
}

/** The rows that it is about. */
export function keysOf(op: SourceOp): string[] {
  if (op.kind === "put" || op.kind === "delete") return [op.key];
  return op.kind === "update" ? [op.key, op.toKey] : [];
}

/** As a trace tells it. */
export function opText(op: SourceOp): string {
  const cells = "cells" in op ? ` ${JSON.stringify([...op.cells.values()].map(String))}` : "";
  return `${op.kind} ${op.table} ${keysOf(op).join(">")}${cells}${detailOf(op)}`;
}

function detailOf(op: SourceOp): string {
  if (op.kind === "reshape") return op.shape.columns.map((c) => c.name).join(",");
  if (op.kind === "make") return op.made.shape.identity;
  if (op.kind === "attach") return `${op.part.id} ${[...op.rows.keys()].join(" ")}`;
  return op.kind === "detach" ? `${op.part} ${op.keys.join(" ")}` : "";
}
