import type { RelationColumn } from "./pgoutput-messages.ts";

/** A column of a table as `pg_attribute` has it now, dropped ones too. */
export interface Attribute {
  readonly attnum: number;
  readonly name: string;
  readonly typeOid: number;
  readonly typmod: number;
  readonly isDropped: boolean;
  /** The log may have it or not: it is generated. */
  readonly isGenerated: boolean;
  /** Nothing about it has changed since before the part of the log that is still to be read. */
  readonly isSettled: boolean;
}

/**
 * The attnums of a Relation message's columns, null where they are not proven.
 *
 * The message comes without attnums, and the catalogue is asked later: a name may have gone through several columns
 * since. What is certain: columns come in order of attnum; attnums are given in order and never again; a column that is
 * there now was there at any time since it was added. So an assignment is a growing sequence of attnums that leaves out
 * dropped columns, or all from some column on (they were added later), and that has settled columns under their names
 * and no settled dropped one. A column has an attnum where all such assignments agree.
 *
 * Names and types of columns that were touched since prove nothing: they may have been given later. Nor do ids of
 * transactions: an ALTER has its id before it waits for its lock, so that a later id may have written before it.
 *
 * `isPartial`: the publication names columns, so that any column may be missing.
 */
export function proveAttnums(
  columns: readonly RelationColumn[],
  attributes: readonly Attribute[],
  isPartial = false,
): (number | null)[] {
  const ascending = attributes.toSorted((a, b) => a.attnum - b.attnum);
  const skippable = ascending.map((a) => isPartial || a.isDropped || a.isGenerated);
  const fits = fitting(columns, ascending);
  const from = reachable(fits, skippable);
  const mirrored = mirror(fits, ascending, skippable);
  return columns.map((_, i) => {
    const possible = ascending.filter(
      (_a, j) => from[i]?.[j] === true && mirrored[i]?.[j] === true,
    );
    const [only] = possible;
    return possible.length === 1 && only !== undefined ? only.attnum : null;
  });
}

/** `[i][j]`: column `i` may be attribute `j`, each for itself. No two columns have one name at a time. */
function fitting(
  columns: readonly RelationColumn[],
  attributes: readonly Attribute[],
): boolean[][] {
  const settled = new Set(
    attributes.filter((a) => a.isSettled && !a.isDropped).map(({ name }) => name),
  );
  return columns.map((column) =>
    attributes.map((attribute) =>
      attribute.isSettled ? isThat(column, attribute) : !settled.has(column.name),
    ),
  );
}

/** The attribute is there and looks as the message says. */
export function isThat(column: RelationColumn, attribute: Attribute): boolean {
  return (
    !attribute.isDropped &&
    attribute.name === column.name &&
    attribute.typeOid === column.typeOid &&
    attribute.typmod === column.typmod
  );
}

/** `[i][j]`: columns up to `i` can be assigned so that column `i` is attribute `j`. */
function reachable(
  fits: readonly (readonly boolean[])[],
  skippable: readonly boolean[],
): boolean[][] {
  const rows: boolean[][] = [];
  for (const [i, fit] of fits.entries()) {
    const previous = rows[i - 1];
    // Whether everything before attribute j is accounted for: the columns before this one, and what is left out.
    let isOpen = i === 0;
    rows.push(
      fit.map((fitsHere, j) => {
        const can = isOpen && fitsHere;
        isOpen = (isOpen && skippable[j] === true) || previous?.[j] === true;
        return can;
      }),
    );
  }
  return rows;
}

/** `[i][j]`: columns from `i` on can be assigned so that column `i` is attribute `j`. */
function mirror(
  fits: readonly (readonly boolean[])[],
  attributes: readonly Attribute[],
  skippable: readonly boolean[],
): boolean[][] {
  const rows: boolean[][] = fits.map(() => []);
  const lastSettled = attributes.findLastIndex((attribute) => attribute.isSettled);
  for (let i = fits.length - 1; i >= 0; i--) {
    const next = rows[i + 1];
    const row: boolean[] = attributes.map(() => false);
    let isOpen = next === undefined;
    for (let j = attributes.length - 1; j >= 0; j--) {
      row[j] = isOpen && fits[i]?.[j] === true;
      // Behind the last column may be left out what was added later: nothing up to a settled one.
      const mayEnd = next === undefined && j > lastSettled;
      isOpen = (isOpen && (skippable[j] === true || mayEnd)) || next?.[j] === true;
    }
    rows[i] = row;
  }
  return rows;
}
