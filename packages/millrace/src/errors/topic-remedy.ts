import { CATALOGUE, type ErrorCode } from "./catalogue.ts";
import { MillraceError } from "./millrace-error.ts";

/**
 * What helps where the source is a topic. The catalogue's words are for tables, which can be loaded again: here what was read is
 * not read again, so that whoever drops a target, or asks for a resync, has lost its rows (I1).
 */
const REMEDIES: Partial<Readonly<Record<ErrorCode, string>>> = {
  MR_SINK_SCHEMA:
    "Mend what the detail names at the target, where it is (a column that is missing: ALTER TABLE … ADD COLUMN, NULL in rows that were written before); the pipeline goes on by itself where it stands. Do not drop the table: messages that were read are not read again. A pipeline of another name reads all of them.",
  MR_SINK_CONSTRAINT:
    "Compare the target's constraint with the messages: what they may bring, the target must allow too. The next message of the row mends it. For a TRUNCATE, drop the foreign keys that point at the table.",
  MR_VALUE_DOES_NOT_FIT:
    "Widen the column at the target; the next message of the row mends it. A pipeline of another name reads all messages.",
  MR_DEAD_LETTER_LIMIT:
    "Read the reasons (`millrace dead-letters list`), mend the mapping or the target, or raise `dead-letters.max`, then start again: it goes on with the first row that was refused last.",
};

/** Pure: the error of a pipeline that reads topics, whose remedy is the catalogue's where another one helps there. */
export function withTopicRemedy(error: MillraceError): MillraceError {
  const remedy = REMEDIES[error.code];
  if (remedy === undefined || error.remedy !== CATALOGUE[error.code].remedy) return error;
  const { code, detail, cause, class: kind, facts } = error;
  return new MillraceError(code, detail, { cause, class: kind, facts, remedy });
}
