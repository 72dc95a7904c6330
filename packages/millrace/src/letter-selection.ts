import { MillraceError } from "./errors/millrace-error.ts";
import { findLetter } from "./model/dead-letter.ts";

/** Which dead letters are meant: by id (or the beginning of one), those of a table by its name at the source, or all. */
export type LetterSelection =
  | { readonly ids: readonly string[] }
  | { readonly table: string }
  | { readonly all: true };

type NamedLetter = { readonly id: string; readonly table: string };

/** The letters that are meant. @throws MillraceError MR_NOT_FOUND for an id that is none, or the beginning of several. */
export function selectLetters<L extends NamedLetter>(
  letters: readonly L[],
  selection: LetterSelection,
): readonly L[] {
  if ("all" in selection) return letters;
  if ("table" in selection) return letters.filter(({ table }) => table === selection.table);
  return selection.ids.map((id) => {
    const letter = findLetter(letters, id);
    if (letter !== null) return letter;
    const count = letters.filter((one) => one.id.startsWith(id)).length;
    const what =
      count > 1 ? `${count} dead letters begin with ${id}` : `there is no dead letter ${id}`;
    const remedy = "List the ids with `millrace dead-letters list`.";
    throw new MillraceError("MR_NOT_FOUND", what, { remedy });
  });
}
